import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { consume, type Outcome } from './consume.ts'

const log = createLogger('test', { level: 'silent' })

it('a loop asks for more when it is told that there is room, with nothing settled', async () => {
  await using server = await startTestNats()
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await manager.consumers.add('EVENTS', { durable_name: 'roomy', ack_policy: AckPolicy.Explicit })
  for (const text of ['0', '1']) {
    await jetstream(nats.connection).publish('xmidt.event.0.x.mac_112233445566', text)
  }
  let places = 1
  let tell: (() => void) | undefined
  const seen: string[] = []
  const released = Promise.withResolvers<Outcome>()
  const ending = new AbortController()
  const consuming = consume(nats, {
    stream: 'EVENTS',
    durable: 'roomy',
    places: () => places,
    onRoom(act) {
      tell = act
      return { [Symbol.dispose]: () => (tell = undefined) }
    },
    ackWaitMs: 30_000,
    handle(message) {
      seen.push(message.string())
      return released.promise
    },
    onMissing: () => Promise.resolve(false),
    signal: ending.signal,
    log,
  })
  await eventually(() => expect(seen).toEqual(['0']))
  places = 2
  tell?.()
  await eventually(() => expect(seen).toEqual(['0', '1']))
  released.resolve({ outcome: 'ack' })
  ending.abort()
  await consuming
  expect(tell).toBeUndefined()
})

it('a loop fills its last place too, while all its others are taken for long', async () => {
  await using server = await startTestNats()
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await manager.consumers.add('EVENTS', { durable_name: 'last', ack_policy: AckPolicy.Explicit })
  const PLACES = 8
  const texts = Array.from({ length: PLACES + 1 }, (_, index) => String(index))
  for (const text of texts) {
    await jetstream(nats.connection).publish('xmidt.event.0.x.mac_112233445566', text)
  }
  const seen: string[] = []
  const [first, others] = [Promise.withResolvers<Outcome>(), Promise.withResolvers<Outcome>()]
  const ending = new AbortController()
  const consuming = consume(nats, {
    stream: 'EVENTS',
    durable: 'last',
    places: () => PLACES,
    ackWaitMs: 30_000,
    handle(message) {
      seen.push(message.string())
      return (seen.length === 1 ? first : others).promise
    },
    onMissing: () => Promise.resolve(false),
    signal: ending.signal,
    log,
  })
  await eventually(() => expect(seen).toHaveLength(PLACES))
  first.resolve({ outcome: 'ack' })
  await eventually(() => expect(seen).toEqual(texts))
  others.resolve({ outcome: 'ack' })
  ending.abort()
  await consuming
})
