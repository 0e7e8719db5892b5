/** The two ways of a command that are compared: bare, and through Scytale and Talaria. */
import { startChild } from '#loadtest/bench/child.ts'
import { startNats, startTalaria } from '#loadtest/bench/fabric.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf } from '#tests/support/caller.ts'
import { startTestKeys } from '#tests/support/keys.ts'
import { TEST_PASSWORDS, type TestNats } from '#tests/support/nats.ts'
import type { BareHttpAnswer, BareHttpOrder } from './bare-http.ts'
import type { BareSocketsAnswer } from './bare-sockets.ts'
import type { DevicesOrder } from './socket-devices.ts'

/** So many that none comes near the allowance of one device. */
const DEVICES = 64

/** What is asked of the device. */
export const COMMAND = JSON.stringify({
  command: 'GET',
  names: ['Device.DeviceInfo.ModelName', 'Device.DeviceInfo.SerialNumber'],
})

/** One way. Disposing it ends all its processes. */
export interface CommandPath extends AsyncDisposable {
  readonly port: number
  /** Of all that is measured: not of devices and callers. */
  readonly pids: { readonly nats: number; readonly http: number; readonly sockets: number }
  /** The heads of requests for each device, `{id}` where the id of the request goes. */
  heads(credential: 'basic' | 'bearer'): string[]
  /** The same for devices that are not there. */
  readonly offlineHeads: string[]
}

const ids = (first: number): string[] =>
  Array.from({ length: DEVICES }, (_, index) => `mac:${(first + index).toString(16)}`)
const DEVICE_IDS = ids(0xaa_00_00_00_00_00)
const OFFLINE_IDS = ids(0xbb_00_00_00_00_00)

const head = (path: string, fields: Record<string, string>): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    `Content-Length: ${COMMAND.length}`,
    ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
  ].join('\r\n')

const connectDevices = async (order: DevicesOrder): Promise<AsyncDisposable> => {
  const devices = startChild('loadtest/bench/load/socket-devices.ts')
  await devices.ask(order)
  return devices
}

const bareUser = (nats: TestNats): BareHttpOrder => ({
  natsPort: nats.server.port,
  user: 'library',
  pass: TEST_PASSWORDS.library ?? '',
})

/** `node:http` → NATS → `ws`, and back. */
export async function startBarePath(): Promise<CommandPath> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startNats())
  const http = starting.use(startChild('loadtest/bench/load/bare-http.ts'))
  const sockets = starting.use(startChild('loadtest/bench/load/bare-sockets.ts'))
  const { port } = await http.ask<BareHttpAnswer>(bareUser(nats))
  const { url } = await sockets.ask<BareSocketsAnswer>(bareUser(nats))
  const devices = DEVICE_IDS.map((id) => ({ id, token: 'none' }))
  starting.use(await connectDevices({ url, devices, answers: 'echo' }))
  const headOf = (id: string): string => head('/', { 'X-Device': id, 'X-Transaction': '{id}' })
  const running = starting.move()
  return {
    port,
    pids: { nats: nats.server.pid, http: http.pid, sockets: sockets.pid },
    heads: () => DEVICE_IDS.map(headOf),
    offlineHeads: OFFLINE_IDS.map(headOf),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Scytale and Talaria, closed as in production: both verify tokens, or Scytale a password. */
export async function startFabricPath(): Promise<CommandPath> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startNats())
  const keys = starting.use(await startTestKeys())
  const talaria = starting.use(await startTalaria(nats, keys.url))
  const scytale = starting.use(
    await startAppProcess('scytale', {
      NATS_URL: nats.urlOf('scytale'),
      SCYTALE_PORT: '0',
      SCYTALE_OPERATIONS_PORT: '0',
      SCYTALE_JWKS_URL: keys.url,
      SCYTALE_BASIC_CREDENTIALS: 'caller:secret',
      SCYTALE_DRAIN_MS: '0',
    }),
  )
  const devices = await Promise.all(
    DEVICE_IDS.map(async (id) => ({
      id,
      token: await keys.sign({ 'device-id': id, 'partner-id': 'example' }),
    })),
  )
  starting.use(await connectDevices({ url: talaria.url, devices, answers: 'wrp' }))
  const bearer = await keys.sign({
    capabilities: ['x1:webpa:api:.*:all'],
    allowedResources: { allowedPartners: ['example'] },
  })
  const authorizations = { basic: basicOf('caller:secret'), bearer: `Bearer ${bearer}` }
  const headOf = (id: string, credential: 'basic' | 'bearer'): string =>
    head('/api/v3/device', {
      Authorization: authorizations[credential],
      'X-Xmidt-Message-Type': 'SimpleRequestResponse',
      'X-Xmidt-Source': 'dns:caller.example',
      'X-Webpa-Device-Name': `${id}/config`,
      'X-Xmidt-Transaction-Uuid': '{id}',
      'Content-Type': 'application/json',
    })
  const running = starting.move()
  return {
    port: Number(new URL(scytale.url).port),
    pids: { nats: nats.server.pid, http: scytale.pid, sockets: talaria.pid },
    heads: (credential) => DEVICE_IDS.map((id) => headOf(id, credential)),
    offlineHeads: OFFLINE_IDS.map((id) => headOf(id, 'basic')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
