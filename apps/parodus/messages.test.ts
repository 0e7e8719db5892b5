import { describe, expect, it } from 'vitest'
import { connectPush } from '#libs/sp/push.ts'
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import {
  DEVICE,
  event,
  jsonOf,
  metricOf,
  request,
  running,
  startFabric,
  startParodus,
  startService,
} from '#tests/support/fabric-peers.ts'

describe('a local service', () => {
  it('gets requests as they are, and its answers reach the fabric with the facts of the device', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric, { PARODUS_PARTNER_ID: 'comcast' })
    const service = await startService(parodus)
    const socket = await fabric.connection(1)
    const asked = request('config', { partner_ids: ['Comcast'], headers: ['a: b'], qos: 7 })
    socket.send(encode(asked))
    const got = await service.message(MSG_TYPE.request)
    expect(got).toMatchObject(asked)
    await service.send({ ...request('x'), source: asked.dest!, dest: asked.source! })
    expect(await fabric.message(0)).toMatchObject({
      dest: 'dns:scytale',
      transaction_uuid: 't1',
      partner_ids: ['comcast'],
      metadata: { 'hw-model': 'M1', 'hw-mac': '112233445566', 'partner-id': 'comcast' },
    })
  })

  it('is told again and again that Parodus is there', async () => {
    const fabric = await startFabric()
    const service = await startService(await startParodus(fabric, { PARODUS_KEEP_ALIVE_MS: '50' }))
    await service.message(MSG_TYPE.serviceAlive)
  })

  it('may register before the fabric is reached', async () => {
    const fabric = await startFabric()
    fabric.tokenRefusals = Array.from({ length: 1_000 }, () => 500)
    await startService(await startParodus(fabric))
    expect(fabric.sockets).toHaveLength(0)
  })

  it('takes the place of one that registered under the same name', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const first = await startService(parodus)
    const second = await startService(parodus)
    ;(await fabric.connection(1)).send(encode(request('config')))
    await second.message(MSG_TYPE.request)
    expect(first.messages.some((each) => each.msg_type === MSG_TYPE.request)).toBe(false)
  })

  it('that vanishes is answered for, and forgotten', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric, { PARODUS_KEEP_ALIVE_MS: '100' })
    const service = await startService(parodus)
    const socket = await fabric.connection(1)
    await service.pull[Symbol.asyncDispose]()
    await expect.poll(() => metricOf(parodus, 'xmidt_parodus_services'), { timeout: 5_000 }).toBe(0)
    socket.send(encode(request('config')))
    expect(jsonOf(await fabric.message(0))).toEqual({
      statusCode: 531,
      message: 'Service Unavailable',
    })
  })

  it('that sends garbage or too much harms nobody else', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const service = await startService(parodus)
    const bad = running.use(connectPush(parodus.url))
    for (const bytes of [[0xc1], [], [0x81, 0xa1], [0x93, 1, 2, 3]]) {
      await bad.send(Uint8Array.from(bytes))
    }
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_local_messages_total{outcome="malformed"}'))
      .toBe(4)
    await bad.send(new Uint8Array(4_100_000))
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_local_messages_total{outcome="fault"}'))
      .toBe(1)
    await fabric.connection(1)
    await service.send(event('fine', 0))
    expect((await fabric.message(0)).dest).toBe('event:fine')
  })

  it('gets a message of the largest size, and its answer of that size reaches the fabric', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const service = await startService(parodus)
    const payload = new Uint8Array(999_000)
    ;(await fabric.connection(1)).send(encode(request('config', { payload })))
    const got = await service.message(MSG_TYPE.request)
    expect(got.payload).toHaveLength(payload.length)
    await service.send({ ...request('x'), source: got.dest!, dest: got.source!, payload })
    expect((await fabric.message(0)).payload).toHaveLength(payload.length)
  })

  it('that answers too much keeps its link, and who asked is told 413', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const service = await startService(parodus)
    ;(await fabric.connection(1)).send(encode(request('config')))
    const got = await service.message(MSG_TYPE.request)
    const answer = { ...request('x'), source: got.dest!, dest: got.source! }
    await service.send({ ...answer, payload: new Uint8Array(1_000_001) })
    const told = await fabric.message(0)
    expect(told).toMatchObject({ source: got.dest, dest: got.source, transaction_uuid: 't1' })
    expect(jsonOf(told)).toMatchObject({ statusCode: 413 })
    await service.send({ ...answer, transaction_uuid: 't2', payload: new Uint8Array(3) })
    expect((await fabric.message(1)).payload).toHaveLength(3)
    expect(await metricOf(parodus, 'parodus_local_messages_total{outcome="fault"}')).toBe(0)
  })

  it('is spared a request that is too large: it is answered 413, and the connection stays', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const service = await startService(parodus)
    const socket = await fabric.connection(1)
    socket.send(encode(request('config', { payload: new Uint8Array(1_000_001) })))
    expect(jsonOf(await fabric.message(0))).toMatchObject({ statusCode: 413 })
    socket.send(encode(request('config', { transaction_uuid: 't2' })))
    expect(await service.message(MSG_TYPE.request)).toMatchObject({ transaction_uuid: 't2' })
    expect(fabric.sockets).toHaveLength(1)
  })

  it('gets the acknowledgement of its event', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const service = await startService(parodus)
    const socket = await fabric.connection(1)
    await service.send(event('kept', 50))
    const sent = await fabric.message(0)
    expect(await metricOf(parodus, 'xmidt_parodus_messages_queued')).toBe(1)
    socket.send(encode({ ...event('kept', 50), source: 'dns:talaria', dest: sent.source!, rdr: 0 }))
    expect((await service.message(MSG_TYPE.event)).rdr).toBe(0)
    expect(await metricOf(parodus, 'xmidt_parodus_messages_queued')).toBe(0)
  })
})

describe('events while the fabric is away', () => {
  it('wait for it, the important ones longest, and those dropped are counted', async () => {
    const fabric = await startFabric()
    fabric.tokenRefusals = Array.from({ length: 1_000_000 }, () => 500)
    const parodus = await startParodus(fabric, { PARODUS_QUEUE_MESSAGES_MAX: '3' })
    const service = await startService(parodus)
    const sent = [event('a', 0), event('b', 50), event('c', 0), event('d', 75), event('e', 25)]
    for (const each of sent) await service.send(each)
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_messages_dropped_total{reason="queue-full"}'))
      .toBe(2)
    fabric.tokenRefusals = []
    await fabric.message(2)
    expect(fabric.messages.map(({ dest }) => dest)).toEqual(['event:b', 'event:d', 'event:e'])
  })

  it('are sent again when the connection ended before their acknowledgement', async () => {
    const fabric = await startFabric()
    const service = await startService(await startParodus(fabric))
    const socket = await fabric.connection(1)
    await service.send(event('again', 50))
    await service.send(event('once', 0))
    await fabric.message(1)
    socket.terminate()
    await fabric.connection(2)
    expect((await fabric.message(2)).dest).toBe('event:again')
  })

  it('that are too large for the fabric are dropped and counted, whatever their importance', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric, { PARODUS_MESSAGE_BYTES_MAX: '1000' })
    const service = await startService(parodus)
    await fabric.connection(1)
    // Within the limit as the service sends it, over it with the facts of the device.
    for (const qos of [0, 75]) {
      await service.send({ ...event('large', qos), payload: new Uint8Array(870) })
    }
    await expect
      .poll(() => metricOf(parodus, 'xmidt_parodus_messages_dropped_total{reason="too-large"}'))
      .toBe(2)
    expect(await metricOf(parodus, 'xmidt_parodus_messages_queued')).toBe(0)
    expect(await metricOf(parodus, 'xmidt_parodus_messages_sent_total')).toBe(0)
  })
})

describe('a request', () => {
  it.each([
    ['of another partner', request('config', { partner_ids: ['other'] }), { statusCode: 403 }],
    ['of `*`, which is no partner', request('config', { partner_ids: ['*'] }), { statusCode: 403 }],
    ['for no service', request('absent'), { statusCode: 531 }],
    ['for a key of Parodus', request('parodus/hw-model', { msg_type: 6 }), { 'hw-model': 'M1' }],
    [
      'for its state',
      request('parodus/cloud-status', { msg_type: 6 }),
      { 'cloud-status': 'online' },
    ],
    [
      'for the state of a service',
      request('parodus/service-status/none', { msg_type: 6 }),
      { 'service-status': 'offline' },
    ],
  ])('%s is answered', async (_, asked, answer) => {
    const fabric = await startFabric()
    await startParodus(fabric, { PARODUS_PARTNER_ID: 'comcast' })
    ;(await fabric.connection(1)).send(encode(asked))
    const got = await fabric.message(0)
    expect(jsonOf(got)).toMatchObject(answer)
    expect(got).toMatchObject({
      msg_type: asked.msg_type,
      source: asked.dest,
      dest: asked.source,
      transaction_uuid: 't1',
    })
  })

  it('after bytes that are no message is answered as ever', async () => {
    const fabric = await startFabric()
    const parodus = await startParodus(fabric)
    const socket = await fabric.connection(1)
    for (const bytes of [[0xc1], [], [0xff, 0xff, 0xff], [0xdf, 255, 255, 255, 255]]) {
      socket.send(Uint8Array.from(bytes))
    }
    socket.send('hello')
    socket.send(encode({ msg_type: MSG_TYPE.event, dest: DEVICE }))
    socket.send(encode(request('parodus', { msg_type: MSG_TYPE.retrieve })))
    expect((await fabric.message(0)).status).toBe(400)
    expect(
      await metricOf(parodus, 'xmidt_parodus_messages_received_total{outcome="malformed"}'),
    ).toBe(5)
    expect(fabric.sockets).toHaveLength(1)
  })
})
