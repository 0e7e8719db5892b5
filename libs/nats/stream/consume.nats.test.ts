import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { nanos } from '@nats-io/nats-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { consume, type ConsumeOptions, type Outcome } from './consume.ts'
import type { PulledMessage } from './pulled-message.ts'

const log = createLogger('test', { level: 'silent' })
const ACK: Outcome = { outcome: 'ack' }

let server: TestNats
let nats: Nats
let ending: AbortController
let consuming: Promise<void>
let durableIndex = 0
let durable: string
let type: string

beforeAll(async () => {
  server = await startTestNats()
  nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
})
afterAll(async () => {
  await nats?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  ending = new AbortController()
  consuming = Promise.resolve()
  durableIndex += 1
  durable = `durable_${durableIndex}`
  type = `type-${durableIndex}`
  await addDurable()
})
afterEach(async () => {
  ending.abort()
  await consuming
})

async function addDurable(): Promise<void> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await manager.consumers.add('EVENTS', {
    durable_name: durable,
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(10_000),
    filter_subject: `xmidt.event.*.${type}.>`,
  })
}

async function pendingOf(): Promise<{ waiting: number; inHand: number }> {
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const info = await manager.consumers.info('EVENTS', durable)
  return { waiting: info.num_pending, inHand: info.num_ack_pending }
}

async function publish(count: number, first = 0): Promise<void> {
  for (let index = first; index < first + count; index += 1) {
    const subject = `xmidt.event.0.${type}.mac_112233445566`
    await jetstream(nats.connection).publish(subject, String(index))
  }
}

/** Starts the loop under test. */
function start(
  handle: (message: PulledMessage) => Promise<Outcome>,
  options: Partial<ConsumeOptions> = {},
): void {
  consuming = consume(nats, {
    stream: 'EVENTS',
    durable,
    places: () => 10,
    ackWaitMs: 10_000,
    handle,
    onMissing: () => Promise.resolve(false),
    signal: ending.signal,
    log,
    ...options,
  })
}

describe('consume', () => {
  it('acks what was handled: nothing is left and nothing comes twice', async () => {
    await publish(30)
    const seen: string[] = []
    start((message) => {
      seen.push(message.string())
      return Promise.resolve(ACK)
    })
    await eventually(async () => expect(await pendingOf()).toEqual({ waiting: 0, inHand: 0 }))
    expect(seen).toEqual(Array.from({ length: 30 }, (_, index) => String(index)))
  })

  it('brings a message again after the delay of its nak, and not before', async () => {
    await publish(1)
    const times: number[] = []
    start(() => {
      times.push(performance.now())
      return Promise.resolve(times.length === 1 ? { outcome: 'nak', delayMs: 400 } : ACK)
    })
    await eventually(() => expect(times).toHaveLength(2))
    expect(times[1]! - times[0]!).toBeGreaterThan(380)
  })

  it('never brings a message again that was termed', async () => {
    await publish(2)
    const seen: string[] = []
    start((message) => {
      seen.push(message.string())
      return Promise.resolve(message.string() === '0' ? { outcome: 'term', reason: 'no' } : ACK)
    })
    await eventually(async () => expect(await pendingOf()).toEqual({ waiting: 0, inHand: 0 }))
    expect(seen).toEqual(['0', '1'])
  })

  it('brings a message again whose handling threw, and goes on with the others', async () => {
    await publish(2)
    const seen: string[] = []
    start((message) => {
      seen.push(message.string())
      if (seen.length === 1) throw new Error('unforeseen')
      return Promise.resolve(ACK)
    })
    await eventually(() => expect(seen).toEqual(['0', '1', '0']), { withinMs: 8_000 })
  })

  it('has never more in hand than its concurrency', async () => {
    await publish(40)
    let inHand = 0
    let inHandMost = 0
    let handled = 0
    start(
      async () => {
        inHandMost = Math.max(inHandMost, (inHand += 1))
        await new Promise(setImmediate)
        inHand -= 1
        handled += 1
        return ACK
      },
      { places: () => 3 },
    )
    await eventually(() => expect(handled).toBe(40))
    expect(inHandMost).toBe(3)
  })

  it('finishes what is in hand when it is ended, and takes nothing more', async () => {
    await publish(5)
    const finish = Promise.withResolvers<void>()
    let begun = 0
    let finished = 0
    start(
      async () => {
        begun += 1
        await finish.promise
        finished += 1
        return ACK
      },
      { places: () => 2 },
    )
    await eventually(() => expect(begun).toBe(2))
    let isOver = false
    ending.abort()
    void consuming.then(() => (isOver = true))
    await nats.connection.flush()
    expect(isOver).toBe(false)
    finish.resolve()
    await consuming
    expect(finished).toBe(begun)
    expect(begun).toBeLessThan(5)
  })

  it('pulls only for places that are free, so that the next has the rest at once', async () => {
    await publish(6)
    const finish = Promise.withResolvers<void>()
    const begun = new Set<string>()
    start(
      async (message) => {
        begun.add(message.string())
        await finish.promise
        return ACK
      },
      { places: () => 2 },
    )
    await eventually(() => expect(begun.size).toBe(2))
    expect(await pendingOf()).toEqual({ waiting: 4, inHand: 2 })
    ending.abort()
    finish.resolve()
    await consuming
    ending = new AbortController()
    const second = new Set<string>()
    start((message) => {
      second.add(message.string())
      return Promise.resolve(ACK)
    })
    // Far below the ack wait of 10 s.
    await eventually(() => expect(second.size).toBe(6 - begun.size), { withinMs: 4_000 })
  })

  it('asks what to do when the durable is not there, and ends when told so', async () => {
    let asked = 0
    start(() => Promise.resolve(ACK), {
      durable: 'nobody',
      onMissing: () => Promise.resolve(((asked += 1), false)),
    })
    await consuming
    expect(asked).toBe(1)
  })

  it('goes on with a durable that was deleted under it and made again', async () => {
    const seen: string[] = []
    let made = 0
    start(
      (message) => {
        seen.push(message.string())
        return Promise.resolve(ACK)
      },
      {
        onMissing: async () => {
          made += 1
          await addDurable()
          return true
        },
      },
    )
    await publish(1)
    await eventually(() => expect(seen).toEqual(['0']))
    const manager = await jetstreamManager(nats.connection, { checkAPI: false })
    await manager.consumers.delete('EVENTS', durable)
    await publish(1, 1)
    await eventually(() => expect(seen).toContain('1'), { withinMs: 15_000 })
    expect(made).toBe(1)
  })

  it('does not end the process when its connection closes with messages in hand', async () => {
    const own = await connectNats({ url: server.urlOf('library'), name: 'own', log })
    await publish(2)
    const finish = Promise.withResolvers<void>()
    let begun = 0
    const ended = consume(own, {
      stream: 'EVENTS',
      durable,
      places: () => 2,
      ackWaitMs: 10_000,
      handle: async (message) => {
        begun += 1
        await finish.promise
        if (message.string() === '0') throw new Error('unforeseen')
        return ACK
      },
      onMissing: () => Promise.resolve(false),
      signal: ending.signal,
      log,
    })
    await eventually(() => expect(begun).toBe(2))
    await own.connection.close()
    finish.resolve()
    ending.abort()
    await expect(ended).resolves.toBeUndefined()
  })
})
