/** What one device throws while it is let go ends that device, and the others are let go all the same. */
import { once } from 'node:events'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createMetrics } from '#apps/talaria/metrics.ts'
import { Device } from '#apps/talaria/session/connection/device.ts'
import { DeviceSocket } from '#apps/talaria/session/connection/device-socket.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { eventually } from '#tests/support/eventually.ts'
import { createLeaving } from './leaving.ts'

const log = createLogger('test', { level: 'silent' })
let server: WebSocketServer
let metrics: ReturnType<typeof createMetrics>

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', WebSocket: DeviceSocket })
  await once(server, 'listening')
  metrics = createMetrics()
})
afterEach(() => {
  for (const client of server.clients) client.terminate()
  server.close()
})

async function connect(id: string): Promise<{ device: Device; closed: Promise<number> }> {
  const { port } = server.address() as { port: number }
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  const [socket] = (await once(server, 'connection')) as [DeviceSocket]
  const identity = {
    id: parseDeviceId(id),
    partnerIds: ['comcast'],
    trust: 0,
    accountId: '',
    convey: undefined,
    intermediateContext: '',
  }
  const limits = {
    queueLengthMax: 10,
    queueBytesMax: 10_000,
    pingMs: 10_000,
    idleMs: 20_000,
    probeMs: 10_000,
    writeMs: 10_000,
    allowance: { bytesPerSecond: 1_000_000, framesPerSecond: 1_000, loopPercent: 100 },
  }
  const listener = { onFrame: () => undefined, onEnd: () => undefined }
  const faults = createFaults(metrics.faults, log)
  const device = new Device(
    socket,
    { identity, duplications: 0 },
    { limits, listener, metrics, faults },
  )
  const closed = new Promise<number>((resolve) => client.on('close', resolve))
  return { device, closed }
}

const faultCount = async (): Promise<number> => {
  const [, value] = (await metrics.registry.page()).match(/kind="leaving"\} (\d+)/) ?? []
  return Number(value)
}

/** From now on it cannot be told how many events of the device are under way. */
const poison = (device: Device): void => {
  Object.defineProperty(device, 'eventsPending', {
    get() {
      throw new Error('broken')
    },
  })
}

it('an unexpected error at the first step ends that device, and the others are let go', async () => {
  const leaving = createLeaving(5_000)
  const [broken, sound] = [await connect('mac:000000000001'), await connect('mac:000000000002')]
  poison(broken.device)
  for (const { device } of [broken, sound]) leaving.begin(device, 'drained')
  expect(await broken.closed).toBe(1011)
  expect(await sound.closed).toBe(1001)
  await leaving.done()
  expect(await faultCount()).toBe(1)
})

it('an unexpected error at a later step ends that device, and the letting go is over', async () => {
  const leaving = createLeaving(5_000)
  const { device, closed } = await connect('mac:000000000001')
  device.beginCommand()
  leaving.begin(device, 'drained')
  poison(device)
  device.commandsPending = 0
  expect(await closed).toBe(1011)
  await leaving.done()
  await eventually(async () => expect(await faultCount()).toBe(1))
})
