/** One simulated device: its agent, and a TR-181 service attached to it over its local socket. */
import { start as startParodus } from '#apps/parodus/app.ts'
import { parodusEnv } from '#apps/parodus/config.ts'
import { start as startTr181 } from '#apps/tr181/app.ts'
import { tr181Env } from '#apps/tr181/config.ts'
import { tracingEnvironment } from '#apps/xmidt/tracing.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'

/** The service that each device has. */
export const DEVICE_SERVICE = 'config'

/** What {@link startDevice} needs. */
export interface DeviceOptions {
  id: string
  petasosUrl: string
  themisUrl: string
  /** `user:password` with which it gets its token. */
  credential: string
  /** Where its services reach its agent; port 0: any free one. */
  localPort: number
  eventIntervalMs: number
  /** Off when undefined. */
  operationsPort?: number
  loggerOf: (who: string, app: string) => Logger
}

/** The id of the `index`-th simulated device: `mac:112233445501` is the first. */
export const deviceIdOf = (index: number): string =>
  `mac:11223344${(0x5501 + index).toString(16).padStart(4, '0')}`

/** Starts both; they end in the order of a device's end. Its agent connects by itself, for ever. */
export async function startDevice(options: DeviceOptions): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const themis = new URL('/issue', options.themisUrl)
  const [user = '', ...password] = options.credential.split(':')
  themis.username = user
  themis.password = password.join(':')
  const parodus = starting.use(
    await startParodus(
      loadConfig(parodusEnv, {
        ...tracingEnvironment(process.env),
        PARODUS_DEVICE_ID: options.id,
        PARODUS_PETASOS_URL: options.petasosUrl,
        PARODUS_THEMIS_URL: themis.href,
        PARODUS_PARTNER_ID: 'example',
        PARODUS_LOCAL_URL: `tcp://127.0.0.1:${options.localPort}`,
        PARODUS_OPERATIONS_PORT: options.operationsPort?.toString(),
      }),
      options.loggerOf(options.id, 'parodus'),
    ),
  )
  starting.use(
    await startTr181(
      loadConfig(tr181Env, {
        TR181_PARODUS_URL: parodus.url,
        TR181_SERVICE: DEVICE_SERVICE,
        TR181_EVENT_INTERVAL_MS: String(options.eventIntervalMs),
      }),
      options.loggerOf(`${options.id}-tr181`, 'tr181'),
    ),
  )
  const running = starting.move()
  return {
    url: parodus.url,
    operationsUrl: parodus.operationsUrl,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
