import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/nats-core'
import { describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { consume } from './consume.ts'

const log = createLogger('test', { level: 'silent' })

describe('consume over a server that is killed and comes back', () => {
  it('loses no message that the stream had acknowledged', async () => {
    await using own = await startTestNats()
    await using client = await connectNats({ url: own.urlOf('library'), name: 'test', log })
    const manager = await jetstreamManager(client.connection, { checkAPI: false })
    await manager.consumers.add('EVENTS', {
      durable_name: 'd',
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(1_000),
    })
    const jetStream = jetstream(client.connection)
    for (let index = 0; index < 200; index += 1) {
      await jetStream.publish('xmidt.event.0.online.mac_112233445566', String(index))
    }
    const seen = new Set<string>()
    const half = Promise.withResolvers<void>()
    const stopping = new AbortController()
    const ended = consume(client, {
      stream: 'EVENTS',
      durable: 'd',
      places: () => 5,
      ackWaitMs: 1_000,
      handle: (message) => {
        seen.add(message.string())
        if (seen.size === 100) half.resolve()
        return Promise.resolve({ outcome: 'ack' })
      },
      onMissing: () => Promise.resolve(false),
      signal: stopping.signal,
      log,
    })
    await half.promise
    await own.server.stop('SIGKILL')
    await own.server.restart()
    await eventually(() => expect(seen.size).toBe(200), { withinMs: 15_000 })
    stopping.abort()
    await ended
  })
})
