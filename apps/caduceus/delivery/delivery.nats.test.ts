import { createHmac } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import { decode } from '#libs/wrp/codec.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench

beforeEach(async () => {
  bench = await startCaduceusBench()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

/** Whether everything that the webhook's consumer has was acked. */
async function isSettled(url: string): Promise<void> {
  const info = await bench.manager.consumers.info('EVENTS', durableOf(ownedIdOf(url)))
  expect({ pending: info.num_pending, unacked: info.num_ack_pending }).toEqual({
    pending: 0,
    unacked: 0,
  })
}

describe('an event for a webhook', () => {
  it('comes as a POST of its payload, with headers and signatures, and is acked', async () => {
    await using caduceus = await bench.startCaduceus()
    await using receiver = await startReceiver()
    const config = { url: receiver.url, secret: 'secret' }
    const response = await postHook(caduceus, { config })
    expect([response.status, await response.text()]).toEqual([200, '{"message": "Success"}'])
    const { id } = await bench.publish()

    const { headers, rawHeaders, body, method } = await receiver.next()
    expect([method, body.toString()]).toEqual(['POST', JSON.stringify({ id })])
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-webpa-event': 'device-status/mac:112233445566/online',
      'x-webpa-transaction-id': id,
      'x-webpa-device-id': 'mac:112233445566',
      'x-webpa-device-name': 'mac:112233445566',
      'x-webpa-source': 'mac:112233445566/config',
      'x-webpa-destination': 'event:device-status/mac:112233445566/online',
      'x-xmidt-message-type': 'SimpleEvent',
      'x-xmidt-partner-id': 'partner-one',
      'x-xmidt-metadata': '/boot-time=1700000000',
      'x-xmidt-session-id': 'session-one',
      'webhook-id': id,
    })
    const hex = (algorithm: string): string =>
      `${algorithm}=${createHmac(algorithm, 'secret').update(body).digest('hex')}`
    expect(headers['x-webpa-signature']).toBe(hex('sha1'))
    const lines = rawHeaders.filter((_, index) => rawHeaders[index - 1] === 'Xmidt-Signature')
    expect(lines).toEqual([hex('sha1'), hex('sha256')])
    const signed = `${id}.${String(headers['webhook-timestamp'])}.${body.toString()}`
    const standard = createHmac('sha256', 'secret').update(signed).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${standard}`)
    await eventually(() => isSettled(receiver.url))
  })

  it('comes as the whole WRP where the webhook asks for msgpack', async () => {
    await using caduceus = await bench.startCaduceus()
    await using receiver = await startReceiver()
    await postHook(caduceus, { config: { url: receiver.url, content_type: 'application/msgpack' } })
    const { event } = await bench.publish()
    const { headers, body } = await receiver.next()
    expect(headers['content-type']).toBe('application/msgpack')
    expect(decode(body)).toEqual({ ...event, payload: new Uint8Array(event.payload ?? []) })
  })

  it('is not lost when Caduceus is away between its publication and its delivery', async () => {
    await using receiver = await startReceiver()
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: { url: receiver.url } })
    }
    const published = await Promise.all(Array.from({ length: 20 }, () => bench.publish()))
    expect(receiver.received).toHaveLength(0)
    await using _ = await bench.startCaduceus()
    await eventually(() => {
      const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
    })
  })

  it('is tried again with the same id after an error, until the receiver takes it', async () => {
    await using caduceus = await bench.startCaduceus()
    await using receiver = await startReceiver({
      respond: (_, index) => ({ status: index === 0 ? 500 : 200 }),
    })
    await postHook(caduceus, { config: { url: receiver.url } })
    const { id } = await bench.publish()
    await eventually(() => expect(receiver.received).toHaveLength(2))
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id])
    await eventually(() => isSettled(receiver.url))
    expect(await metricOf(caduceus, 'xmidt_caduceus_delivery_retries_total{reason="failed"}')).toBe(
      1,
    )
  })

  it('waits as long as Retry-After says', async () => {
    await using caduceus = await bench.startCaduceus()
    await using receiver = await startReceiver({
      respond: (_, index) =>
        index === 0 ? { status: 429, headers: { 'Retry-After': '1' } } : { status: 200 },
    })
    await postHook(caduceus, { config: { url: receiver.url } })
    await bench.publish()
    await eventually(() => expect(receiver.received).toHaveLength(2))
    const [first, second] = receiver.received
    expect((second?.receivedAtMs ?? 0) - (first?.receivedAtMs ?? 0)).toBeGreaterThanOrEqual(990)
  })

  it('goes to each of alt_urls in turn, and never to the url', async () => {
    await using caduceus = await bench.startCaduceus()
    await using main = await startReceiver()
    await using bad = await startReceiver({ respond: () => ({ status: 503 }) })
    await using good = await startReceiver()
    await postHook(caduceus, { config: { url: main.url, alt_urls: [bad.url, good.url] } })
    const published = await Promise.all(Array.from({ length: 4 }, () => bench.publish()))
    await eventually(() => {
      const ids = good.received.map(({ headers }) => headers['webhook-id'])
      expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
    })
    expect(bad.received.length).toBeGreaterThan(0)
    expect(main.received).toHaveLength(0)
  })

  it('is passed by when it is not meant for the webhook', async () => {
    await using caduceus = await bench.startCaduceus()
    await using receiver = await startReceiver()
    await postHook(caduceus, {
      config: { url: receiver.url },
      events: ['^other/', 'device-status.*/online$'],
      matcher: { device_id: ['^mac:aabbccddeeff'] },
    })
    await bench.publish()
    const wanted = await bench.publish({ source: 'mac:aabbccddeeff' })
    await receiver.next(({ headers }) => headers['webhook-id'] === wanted.id)
    await eventually(() => isSettled(receiver.url))
    expect(receiver.received).toHaveLength(1)
  })
})

describe('a delivery that fails', () => {
  it('becomes a dead letter with its reason after the last attempt', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_RETRY_DELAYS_MS: '20,20' })
    await using receiver = await startReceiver({ respond: () => ({ status: 500 }) })
    await postHook(caduceus, { config: { url: receiver.url } })
    const { id } = await bench.publish()
    const subject = `xmidt.dead.${ownedIdOf(receiver.url)}`
    const letter = await eventually(async () => {
      const found = await bench.operator.streams.getMessage('DEAD_LETTERS', {
        last_by_subj: subject,
      })
      if (!found) throw new Error('no dead letter')
      return found
    })
    expect(receiver.received).toHaveLength(3)
    expect(Buffer.from(decode(letter.data).payload ?? []).toString()).toBe(JSON.stringify({ id }))
    const said = ['Reason', 'Attempts', 'Event', 'Status'].map((name) =>
      letter.header.get(`Xmidt-Dead-${name}`),
    )
    expect(said).toEqual(['failed', '3', id, '500'])
    await eventually(() => isSettled(receiver.url))
    expect(await metricOf(caduceus, 'xmidt_caduceus_dead_letters_total{reason="failed"}')).toBe(1)
  })

  it('never reaches an address that became private after the registration', async () => {
    await using receiver = await startReceiver()
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: { url: receiver.url } })
      await postHook(caduceus, {
        config: { url: receiver.url.replace('127.0.0.1', 'localhost') },
      })
    }
    await bench.publish()
    await using strict = await bench.startCaduceus({
      CADUCEUS_ADDRESSES_ALLOWED: '',
      CADUCEUS_RETRY_DELAYS_MS: '1',
    })
    const line = 'xmidt_caduceus_dead_letters_total{reason="address-refused"}'
    await eventually(async () => expect(await metricOf(strict, line)).toBe(2))
    expect(receiver.received).toHaveLength(0)
  })

  it('does not follow a redirect', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_RETRY_DELAYS_MS: '10' })
    await using other = await startReceiver()
    await using receiver = await startReceiver({
      respond: () => ({ status: 307, headers: { Location: other.url } }),
    })
    await postHook(caduceus, { config: { url: receiver.url } })
    await bench.publish()
    const line = 'xmidt_caduceus_dead_letters_total{reason="redirected"}'
    await eventually(async () => expect(await metricOf(caduceus, line)).toBe(1))
    expect(other.received).toHaveLength(0)
  })
})
