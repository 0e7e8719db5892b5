/** A device as it is in the field: a Parodus with a TR-181 service attached over its local socket. */
import { start as startParodusApp } from '#apps/parodus/app.ts'
import { parodusEnv } from '#apps/parodus/config.ts'
import { start as startTr181 } from '#apps/tr181/app.ts'
import { tr181Env } from '#apps/tr181/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'
import { DEVICE_CREDENTIAL, logOf, type Stack } from './stack.ts'

/** The name of the device's one service. */
export const SERVICE = 'config'

/** What a test may say of its device. */
export interface ParodusOptions {
  partner?: string
  /** How often its service sends an event; never when absent. */
  eventIntervalMs?: number
  environment?: Record<string, string>
  /** Where it writes its log; nowhere unless told. */
  log?: Logger
}

/** A running device. */
export interface ParodusDevice extends AsyncDisposable {
  readonly id: string
  readonly parodus: App
  readonly service: App
}

/** Starts device `id` of the stack; it connects by itself, through Themis and Petasos. */
export async function startParodus(
  stack: Stack,
  id: string,
  {
    partner = 'comcast',
    eventIntervalMs = 3_600_000,
    environment = {},
    log = logOf('parodus'),
  }: ParodusOptions = {},
): Promise<ParodusDevice> {
  await using starting = new AsyncDisposableStack()
  const themis = new URL('/issue', stack.themis.url)
  const [user = '', password = ''] = DEVICE_CREDENTIAL.split(':')
  themis.username = user
  themis.password = password
  const parodus = starting.use(
    await startParodusApp(
      loadConfig(parodusEnv, {
        PARODUS_DEVICE_ID: id,
        PARODUS_PETASOS_URL: stack.petasos.url,
        PARODUS_THEMIS_URL: themis.href,
        PARODUS_PARTNER_ID: partner,
        PARODUS_LOCAL_URL: 'tcp://127.0.0.1:0',
        ...environment,
      }),
      log,
    ),
  )
  const service = starting.use(
    await startTr181(
      loadConfig(tr181Env, {
        TR181_PARODUS_URL: parodus.url,
        TR181_SERVICE: SERVICE,
        TR181_EVENT_INTERVAL_MS: String(eventIntervalMs),
      }),
      logOf('tr181'),
    ),
  )
  const running = starting.move()
  return { id, parodus, service, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
