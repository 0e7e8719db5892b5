import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { readReply } from '#libs/nats/command/reply.ts'
import { sessionSubject, statSubject } from '#libs/nats/subjects.ts'
import { openTalarias } from '#libs/nats/bucket/talarias.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import {
  OPERATOR_HEADERS as headers,
  counted,
  startTalariaBench,
  type PassedEvent,
  type TalariaBench,
} from '#tests/support/talaria.ts'

let bench: TalariaBench
let one: App
let other: App

beforeAll(async () => {
  bench = await startTalariaBench()
  one = await bench.startTalaria({ TALARIA_ID: 'one' })
  other = await bench.startTalaria({ TALARIA_ID: 'other' })
})

afterAll(async () => {
  await one[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const presenceOf = (id: string): PassedEvent[] =>
  bench.events.filter(({ message }) => message.dest?.startsWith(`event:device-status/${id}/`))

const statusesOf = (id: string): (string | undefined)[] =>
  presenceOf(id).map(({ message }) => message.dest?.split('/').at(-1))

const statisticsOf = async (id: string): Promise<{ statistics: { duplications: number } }> => {
  const reply = await bench.scytale.connection.request(statSubject(parseDeviceId(id)))
  return reply.json()
}

/** Sends a close frame, and reads nothing that comes of it: the connection stays until disposed. */
function beginToClose({ socket }: TestDevice): Disposable {
  socket.pause()
  socket.close()
  return { [Symbol.dispose]: () => socket.terminate() }
}

/** Whether its session lasts and takes no commands any more. */
const isClosing = async (id: string): Promise<boolean> => {
  const reply = await bench.scytale.connection.request(statSubject(parseDeviceId(id)))
  return readReply(reply).kind === 'not-taken'
}

describe('a device that connects again', () => {
  it('to the same Talaria ends its old connection, whose offline comes before the new online', async () => {
    const id = bench.newDevice()
    await using old = await bench.connect(one, id)
    await using young = await bench.connect(one, id)
    expect(await old.closed).toEqual({ code: 1001, reason: 'duplicate' })
    await eventually(() => expect(statusesOf(id)).toEqual(['online', 'offline', 'online']))
    const [first, offline, second] = presenceOf(id)
    expect(offline?.message.session_id).toBe(first?.message.session_id)
    expect(second?.message.session_id).not.toBe(first?.message.session_id)
    expect(offline?.payload?.['reason-for-closure']).toBe('*no error*:duplicate')
    expect(young.socket.readyState).toBe(young.socket.OPEN)
    expect((await statisticsOf(id)).statistics.duplications).toBe(1)
  })

  it('to another Talaria ends its old connection', async () => {
    const id = bench.newDevice()
    await using old = await bench.connect(one, id)
    await eventually(() => statisticsOf(id))
    await using young = await bench.connect(other, id)
    expect(await old.closed).toEqual({ code: 1001, reason: 'duplicate' })
    expect(young.socket.readyState).toBe(young.socket.OPEN)
    await eventually(() => expect(statusesOf(id)).toHaveLength(3))
    const offline = presenceOf(id).find(({ message }) => message.dest?.endsWith('offline'))
    expect(offline?.message.session_id).toBe(presenceOf(id)[0]?.message.session_id)
  })

  it('to another Talaria while its old connection is closing ends that one as taken over', async () => {
    const id = bench.newDevice()
    await using old = await bench.connect(one, id)
    await eventually(() => expect(statusesOf(id)).toEqual(['online']))
    const [first] = presenceOf(id)
    using _closing = beginToClose(old)
    await eventually(async () => expect(await isClosing(id)).toBe(true))
    await using _young = await bench.connect(other, id)
    await eventually(() => expect(statusesOf(id)).toHaveLength(3))
    const offline = presenceOf(id).find(({ message }) => message.dest?.endsWith('offline'))
    expect(offline?.message.session_id).toBe(first?.message.session_id)
    expect(offline?.payload?.['reason-for-closure']).toBe('*no error*:duplicate')
  })

  it('and is heard of by an older session is announced again and stays', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(one, id)
    await eventually(() => statisticsOf(id))
    const heard: { talaria: string }[] = []
    bench.otherTalaria.connection.subscribe(sessionSubject(parseDeviceId(id)), {
      callback: (_error, message) => void heard.push(message.json()),
    })
    const older = { sessionId: 'older', connectedAtMs: 1, ageMs: 60_000, talaria: 'gone' }
    bench.otherTalaria.connection.publish(sessionSubject(parseDeviceId(id)), JSON.stringify(older))
    await eventually(() => expect(heard.map(({ talaria }) => talaria)).toEqual(['gone', 'one']))
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })

  it('leaves a session alone for what is no announcement', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(one, id)
    await eventually(() => statisticsOf(id))
    const label = 'outcome="malformed"'
    const before = await counted(one, 'xmidt_talaria_takeovers_total', label)
    bench.otherTalaria.connection.publish(sessionSubject(parseDeviceId(id)), 'garbage')
    await eventually(async () => {
      expect(await counted(one, 'xmidt_talaria_takeovers_total', label)).toBe(before + 1)
    })
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })
})

describe('a device that sends a close frame and keeps its connection', () => {
  it('is offline as soon as one that ends it', async () => {
    const id = bench.newDevice()
    await using device = await bench.connect(one, id)
    await eventually(() => expect(statusesOf(id)).toEqual(['online']))
    using _closing = beginToClose(device)
    await eventually(() => expect(statusesOf(id)).toEqual(['online', 'offline']))
  })
})

describe('after NATS was away', () => {
  it('of two connections that were made meanwhile only the newer stays, and it answers', async () => {
    await using own = await startTalariaBench()
    await using before = await own.startTalaria({ TALARIA_ID: 'before' })
    await using after = await own.startTalaria({ TALARIA_ID: 'after' })
    const id = own.newDevice()
    await using old = await own.connect(before, id)
    await eventually(() => own.scytale.connection.request(statSubject(parseDeviceId(id))))
    await own.testNats.server.stop()
    await eventually(async () => {
      for (const talaria of [before, after]) {
        expect((await fetch(`${talaria.operationsUrl}/readyz`)).status).toBe(503)
      }
    })
    await using young = await own.connect(after, id)
    expect(old.socket.readyState).toBe(old.socket.OPEN)
    await own.testNats.server.restart()
    expect(await old.closed).toEqual({ code: 1001, reason: 'duplicate' })
    expect(young.socket.readyState).toBe(young.socket.OPEN)
    await eventually(async () => {
      const reply = await own.scytale.connection.request(statSubject(parseDeviceId(id)))
      expect(reply.json()).toMatchObject({ id })
    })
  }, 30_000)
})

describe('the lease', () => {
  it('tells where devices connect and how it is with the gate, and goes first at the end', async () => {
    const talarias = await openTalarias(bench.operator, pino({ level: 'silent' }))
    const talaria = await bench.startTalaria({ TALARIA_ID: 'leased', TALARIA_REGION: 'r' })
    const entry = async () => (await talarias.get('leased'))?.value
    expect(await entry()).toMatchObject({ url: talaria.url, region: 'r', draining: false })
    const gate = `${talaria.operationsUrl}/api/v3/device/gate`
    expect((await fetch(`${gate}?open=false`, { method: 'POST', headers })).status).toBe(201)
    await eventually(async () => expect(await entry()).toMatchObject({ draining: true }))
    await expect(bench.connect(talaria, bench.newDevice())).rejects.toMatchObject({ status: 503 })
    expect((await fetch(`${talaria.operationsUrl}/readyz`)).status).toBe(503)
    expect(await (await fetch(gate, { headers })).json()).toMatchObject({ open: false })
    expect((await fetch(`${gate}?open=maybe`, { method: 'POST', headers })).status).toBe(400)
    expect((await fetch(`${gate}?open=1`, { method: 'POST', headers })).status).toBe(201)
    await using _device = await bench.connect(talaria, bench.newDevice())
    await talaria[Symbol.asyncDispose]()
    expect(await entry()).toBeUndefined()
  })

  it('tells an internal URL where there is one, and none otherwise', async () => {
    const talarias = await openTalarias(bench.operator, pino({ level: 'silent' }))
    const internalUrl = 'http://talaria-1.internal:6200'
    await using _inside = await bench.startTalaria({
      TALARIA_ID: 'inside',
      TALARIA_INTERNAL_URL: internalUrl,
    })
    await using _plain = await bench.startTalaria({ TALARIA_ID: 'plain' })
    expect((await talarias.get('inside'))?.value).toMatchObject({ internalUrl })
    expect((await talarias.get('plain'))?.value).not.toHaveProperty('internalUrl')
  })
})

describe('a drain', () => {
  it('closes as many devices as it is told, and says how far it is', async () => {
    await using talaria = await bench.startTalaria({ TALARIA_ID: 'drained' })
    const devices = await Promise.all(
      [1, 2, 3].map(() => bench.connect(talaria, bench.newDevice())),
    )
    const drain = `${talaria.operationsUrl}/api/v3/device/drain`
    const begun = await fetch(`${drain}?count=2&rate=1&tick=50ms`, { method: 'POST', headers })
    expect(await begun.json()).toEqual({ count: 2, rate: 1, tick: '0.05s' })
    expect((await fetch(drain, { method: 'POST', headers })).status).toBe(409)
    await eventually(async () => {
      expect(await (await fetch(drain, { headers })).json()).toMatchObject({
        active: false,
        progress: { drained: 2, finished: expect.any(String) },
      })
    })
    expect((await fetch(drain, { method: 'DELETE', headers })).status).toBe(409)
    await eventually(() => {
      expect(devices.filter(({ socket }) => socket.readyState === socket.OPEN)).toHaveLength(1)
    })
  })
})

describe('the end', () => {
  it('closes every device with 1001 and publishes that each is offline', async () => {
    const talaria = await bench.startTalaria({ TALARIA_ID: 'ending' })
    const ids = Array.from({ length: 20 }, () => bench.newDevice())
    const devices = await Promise.all(ids.map((id) => bench.connect(talaria, id)))
    const begun = performance.now()
    await talaria[Symbol.asyncDispose]()
    expect(performance.now() - begun).toBeLessThan(3_000)
    for (const device of devices) {
      expect(await device.closed).toEqual({ code: 1001, reason: 'shutdown' })
    }
    await eventually(() => {
      for (const id of ids) expect(statusesOf(id)).toEqual(['online', 'offline'])
    })
  })
})
