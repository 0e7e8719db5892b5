/** `xmidt devices`: a fleet of simulated devices in one process, against a fabric that is somewhere. */
import { devicesEnv, type DevicesConfig } from '#apps/xmidt/environment.ts'
import { serveOperations } from '#libs/http/operations.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { runApp } from '#libs/lifecycle/run.ts'
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { deviceIdOf, startDevice } from './device.ts'

/** How often it is looked how many are connected. */
const LOOK_MS = 2_000

/** A device's agent in this process answers at once. */
const ANSWER_MS = 1_000

/** Runs `count` devices until a signal, as a process of its own. */
export const devices = (count: number): Promise<void> =>
  runApp('devices', devicesEnv, (config) => startDevices(config, count))

/** Starts the fleet. It is ready while every device is connected. */
export async function startDevices(
  config: DevicesConfig,
  count: number,
  log = createLogger('devices', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const registry = createRegistry('devices')
  const connected = registry.gauge('connected', 'Devices that are connected.')
  const fleet: App[] = []
  starting.defer(async () => {
    await Promise.all(fleet.map((device) => device[Symbol.asyncDispose]()))
  })
  for (let index = 0; index < count; index += 1) {
    const device = await startDevice({
      id: deviceIdOf(index),
      petasosUrl: config.XMIDT_PETASOS_URL,
      themisUrl: config.XMIDT_THEMIS_URL,
      credential: config.XMIDT_DEVICE,
      localPort: 0,
      eventIntervalMs: config.XMIDT_DEVICE_EVENT_MS,
      operationsPort: 0,
      loggerOf: (who, app) => log.child({ device: who, part: app }),
    })
    fleet.push(device)
  }

  let connectedCount = 0
  let isLooking = false
  const look = async (): Promise<void> => {
    if (isLooking) return
    isLooking = true
    const answers = await Promise.all(fleet.map(isConnected))
    isLooking = false
    const before = connectedCount
    connectedCount = answers.filter(Boolean).length
    connected.set(connectedCount)
    if (connectedCount !== before) log.info({ connectedCount, count }, 'devices connected')
  }
  const timer = setInterval(() => void look(), LOOK_MS)
  starting.defer(() => clearInterval(timer))
  const operations =
    config.XMIDT_OPERATIONS_PORT === undefined
      ? undefined
      : starting.use(
          await serveOperations({
            hostname: config.XMIDT_OPERATIONS_HOST,
            port: config.XMIDT_OPERATIONS_PORT,
            registry,
            checks: {
              devices: () =>
                connectedCount === count || `${connectedCount} of ${count} are connected`,
            },
          }),
        )
  log.info({ count }, 'ready')
  const running = starting.move()
  return {
    url: config.XMIDT_PETASOS_URL,
    operationsUrl: operations?.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function isConnected({ operationsUrl }: App): Promise<boolean> {
  const response = await fetch(`${operationsUrl}/readyz`, {
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch(() => undefined)
  await response?.body?.cancel()
  return response?.ok === true
}
