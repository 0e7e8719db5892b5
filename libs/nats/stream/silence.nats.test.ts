import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { consume } from './consume.ts'

/** Longer than a request may be silent. */
const LONG_MS = 12_500

it('a loop whose places are all taken for long asks for no more than it has places', async () => {
  const lines: string[] = []
  const destination = { write: (line: string) => void lines.push(line) }
  const log = createLogger('test', { level: 'warn', destination })
  await using server = await startTestNats()
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await manager.consumers.add('EVENTS', { durable_name: 'slow', ack_policy: AckPolicy.Explicit })
  for (const text of ['0', '1', '2']) {
    await jetstream(nats.connection).publish('xmidt.event.0.x.mac_112233445566', text)
  }
  const seen: string[] = []
  const from = performance.now()
  const isLong = (): void => expect(performance.now() - from).toBeGreaterThan(LONG_MS)
  const ending = new AbortController()
  const consuming = consume(nats, {
    stream: 'EVENTS',
    durable: 'slow',
    places: () => 1,
    ackWaitMs: 30_000,
    async handle(message) {
      seen.push(message.string())
      if (seen.length === 1) await eventually(isLong, { withinMs: 2 * LONG_MS })
      return { outcome: 'ack' }
    },
    onMissing: () => Promise.resolve(false),
    signal: ending.signal,
    log,
  })
  await eventually(isLong, { withinMs: 2 * LONG_MS })
  expect(lines).toEqual([])
  await eventually(() => expect(seen).toEqual(['0', '1', '2']))
  ending.abort()
  await consuming
}, 40_000)
