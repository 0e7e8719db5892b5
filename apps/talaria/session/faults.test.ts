import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createMetrics } from '#apps/talaria/metrics.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { eventually } from '#tests/support/eventually.ts'
import { DeviceSocket } from './connection/device-socket.ts'
import { Device, type DeviceLimits, type DeviceListener } from './connection/device.ts'
import { createDevices, eachPaced, type Devices } from './devices.ts'

const LIMITS: DeviceLimits = {
  queueLengthMax: 10,
  queueBytesMax: 10_000,
  pingMs: 10_000,
  idleMs: 20_000,
  probeMs: 10_000,
  writeMs: 10_000,
  allowance: { bytesPerSecond: 1_000_000, framesPerSecond: 1_000, loopPercent: 100 },
}

const log = createLogger('test', { level: 'silent' })
let server: WebSocketServer
let devices: Devices
let metrics: ReturnType<typeof createMetrics>

beforeEach(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', WebSocket: DeviceSocket })
  await once(server, 'listening')
  metrics = createMetrics()
  devices = createDevices(metrics, 20)
})
afterEach(() => {
  devices[Symbol.dispose]()
  for (const client of server.clients) client.terminate()
  server.close()
})

/** A device whose part of the work may throw. */
async function connect(
  id: string,
  listener: Partial<DeviceListener> = {},
  limits: DeviceLimits = LIMITS,
): Promise<{ device: Device; client: WebSocket }> {
  const { port } = server.address() as { port: number }
  const client = new WebSocket(`ws://127.0.0.1:${port}`)
  const [socket] = (await once(server, 'connection')) as [DeviceSocket]
  if (client.readyState !== client.OPEN) await once(client, 'open')
  const identity = {
    id: parseDeviceId(id),
    partnerIds: ['comcast'],
    trust: 0,
    accountId: '',
    convey: undefined,
    intermediateContext: '',
  }
  const device = new Device(
    socket,
    { identity, duplications: 0 },
    {
      limits,
      listener: { onFrame: () => undefined, onEnd: (ended) => devices.remove(ended), ...listener },
      metrics,
      faults: createFaults(metrics.faults, log),
    },
  )
  devices.add(device)
  return { device, client }
}

const fail = (): never => {
  throw new Error('broken')
}

const faultsOf = async (kind: string): Promise<number> => {
  const page = await metrics.registry.page()
  const [, value] = page.match(new RegExp(`faults_total\\{kind="${kind}"\\} (\\d+)`)) ?? []
  return Number(value)
}

describe('an unexpected error', () => {
  it('in the handling of a frame ends the session of that device', async () => {
    const bystander = await connect('mac:000000000001')
    const { device, client } = await connect('mac:000000000002', { onFrame: fail })
    client.send('x')
    const [code] = (await once(client, 'close')) as [number]
    expect(code).toBe(1011)
    expect(device.isOpen).toBe(false)
    expect(await faultsOf('frame')).toBe(1)
    expect(bystander.device.isOpen).toBe(true)
  })

  it('in the look at the clock ends the session of that device, and the others are looked at', async () => {
    const poisoned = {
      ...LIMITS,
      get idleMs() {
        return fail()
      },
    }
    const { device } = await connect('mac:000000000001', {}, poisoned)
    const { client } = await connect('mac:000000000003', {}, { ...LIMITS, pingMs: 20 })
    await once(client, 'ping')
    await eventually(() => expect(device.isOpen).toBe(false))
    expect(await faultsOf('tick')).toBe(1)
  })

  it('in the end of a session is counted, and the socket is closed all the same', async () => {
    const { device, client } = await connect('mac:000000000001', { onEnd: fail })
    device.end('drained')
    await once(client, 'close')
    expect(await faultsOf('end')).toBe(1)
  })

  it('in what is done to many ends the session of the one', async () => {
    const first = await connect('mac:000000000001')
    const second = await connect('mac:000000000002')
    const done: string[] = []
    await eachPaced([first.device, second.device], 0, (device) => {
      if (device === first.device) fail()
      done.push(device.id)
    })
    expect(done).toEqual(['mac:000000000002'])
    expect(first.device.isOpen).toBe(false)
    expect(second.device.isOpen).toBe(true)
    expect(await faultsOf('paced')).toBe(1)
  })

  it('once something was written ends the session of that device', async () => {
    const { device, client } = await connect('mac:000000000001')
    expect(device.acknowledge(new Uint8Array(3), fail)).toBe(true)
    await once(client, 'close')
    expect(await faultsOf('socket')).toBe(1)
  })
})
