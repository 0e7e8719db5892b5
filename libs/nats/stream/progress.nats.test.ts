import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/nats-core'
import { expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { consume } from './consume.ts'

const ACK_WAIT_MS = 400

it('a message that takes several times the ack wait comes once', async () => {
  const log = createLogger('test', { level: 'silent' })
  await using server = await startTestNats()
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await manager.consumers.add('EVENTS', {
    durable_name: 'slow',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
  })
  for (const text of ['0', '1']) {
    await jetstream(nats.connection).publish('xmidt.event.0.x.mac_112233445566', text)
  }
  const seen: string[] = []
  const from = performance.now()
  const isLong = (): void => expect(performance.now() - from).toBeGreaterThan(5 * ACK_WAIT_MS)
  const ending = new AbortController()
  const consuming = consume(nats, {
    stream: 'EVENTS',
    durable: 'slow',
    places: () => 10,
    ackWaitMs: ACK_WAIT_MS,
    async handle(message) {
      seen.push(message.string())
      await eventually(isLong)
      return { outcome: 'ack' }
    },
    onMissing: () => Promise.resolve(false),
    signal: ending.signal,
    log,
  })
  await eventually(async () => {
    const { num_pending: waiting, num_ack_pending: inHand } = await manager.consumers.info(
      'EVENTS',
      'slow',
    )
    expect({ waiting, inHand }).toEqual({ waiting: 0, inHand: 0 })
  })
  expect(seen).toEqual(['0', '1'])
  ending.abort()
  await consuming
})
