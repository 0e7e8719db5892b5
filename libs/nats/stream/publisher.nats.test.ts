import { jetstream } from '@nats-io/jetstream'
import { jserrors } from '@nats-io/jetstream/internal'
import {
  InvalidArgumentError,
  PermissionViolationError,
  RequestError,
  TimeoutError,
} from '@nats-io/transport-node'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { freeze } from '#tests/support/freeze.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { createPublisher, type StreamPublisher } from './publisher.ts'
import { isSequenceWrong } from './sequence.ts'

const log = createLogger('test', { level: 'silent' })
const SUBJECT = 'xmidt.event.1.test.device'
const PAYLOAD = new TextEncoder().encode('an event')

let server: TestNats
let nats: Nats
beforeEach(async () => {
  server = await startTestNats()
  nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
})
afterEach(async () => {
  process.kill(server.server.pid, 'SIGCONT')
  await nats[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const standStill = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

let count = 0
const options = (timeout = 5_000) => ({ msgID: `id-${count++}`, timeout })

const PUBLISHERS: [string, (nats: Nats) => StreamPublisher][] = [
  ['the client', ({ connection }) => jetstream(connection)],
  ['a publisher of ours', createPublisher],
]

describe.each(PUBLISHERS)('what %s publishes', (_name, create) => {
  it('is acknowledged with its sequence, and the same id again as a duplicate', async () => {
    const publisher = create(nats)
    const twice = options()
    const first = await publisher.publish(SUBJECT, PAYLOAD, twice)
    expect(first).toMatchObject({ stream: 'EVENTS', seq: 1, duplicate: false })
    const second = await publisher.publish(SUBJECT, PAYLOAD, { ...twice })
    expect(second).toMatchObject({ stream: 'EVENTS', seq: 1, duplicate: true })
  })

  it('is refused when another is the last on its subject', async () => {
    const publisher = create(nats)
    await publisher.publish(SUBJECT, PAYLOAD, options())
    const expect0 = { ...options(), expect: { lastSubjectSequence: 0 } }
    const refused = await publisher.publish(SUBJECT, PAYLOAD, expect0).catch((error) => error)
    expect(isSequenceWrong(refused)).toBe(true)
    const expect1 = { ...options(), expect: { lastSubjectSequence: 1 } }
    expect(await publisher.publish(SUBJECT, PAYLOAD, expect1)).toMatchObject({ seq: 2 })
  })

  it('is refused at once when no stream takes its subject, also after one did', async () => {
    const publisher = create(nats)
    await publisher.publish(SUBJECT, PAYLOAD, options())
    await server.lose('EVENTS')
    const refused = await publisher.publish(SUBJECT, PAYLOAD, options()).catch((error) => error)
    expect(refused).toBeInstanceOf(jserrors.JetStreamNotEnabled)
    expect((refused as Error).cause).toBeInstanceOf(RequestError)
    expect(((refused as Error).cause as RequestError).isNoResponders()).toBe(true)
  })

  it('is refused before it is sent when it is larger than the server takes', async () => {
    const large = new Uint8Array(2 * 1_048_576)
    await expect(create(nats).publish(SUBJECT, large, options())).rejects.toThrow(
      InvalidArgumentError,
    )
  })

  it('fails in time when nobody answers', async () => {
    const publisher = create(nats)
    await publisher.publish(SUBJECT, PAYLOAD, options())
    await freeze(server.server.pid)
    const published = publisher.publish(SUBJECT, PAYLOAD, options(200))
    await expect(published).rejects.toThrow(TimeoutError)
  })

  it('fails when the connection is closed', async () => {
    const publisher = create(nats)
    await nats[Symbol.asyncDispose]()
    await expect(publisher.publish(SUBJECT, PAYLOAD, options())).rejects.toThrow(/closed/)
  })

  it('fails at once when its user may not publish it', async () => {
    await using strict = await startTestNats({ expectsRefusals: true })
    await using own = await connectNats({ url: strict.urlOf('petasos'), name: 'test', log })
    const began = performance.now()
    const refused = await create(own)
      .publish(SUBJECT, PAYLOAD, options())
      .catch((error) => error)
    expect(refused).toBeInstanceOf(RequestError)
    expect((refused as Error).cause).toBeInstanceOf(PermissionViolationError)
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})

describe('a publisher of ours', () => {
  it('gives each of many in one turn its own acknowledgement, in their order', async () => {
    const publisher = createPublisher(nats)
    const publishing = Array.from({ length: 500 }, () =>
      publisher.publish(SUBJECT, PAYLOAD, options()),
    )
    const acks = await Promise.all(publishing)
    expect(acks.map(({ seq }) => seq)).toEqual(publishing.map((_, index) => index + 1))
  })

  it('tells who does without a promise what became of it, once, and nothing when it throws', async () => {
    const publisher = createPublisher(nats)
    const told: unknown[] = []
    const { promise: isTold, resolve } = Promise.withResolvers<void>()
    const listener = {
      onAck: ({ seq }: { seq: number }) => void told.push(seq),
      onFailure(error: unknown) {
        told.push(isSequenceWrong(error))
        resolve()
      },
    }
    const large = new Uint8Array(2 * 1_048_576)
    expect(() => publisher.send(SUBJECT, large, options(), listener)).toThrow(InvalidArgumentError)
    publisher.send(SUBJECT, PAYLOAD, options(), listener)
    const wrong = { ...options(), expect: { lastSubjectSequence: 0 } }
    publisher.send(SUBJECT, PAYLOAD, wrong, listener)
    await isTold
    expect(told).toEqual([1, true])
  })

  it('tells at once that the connection was lost, and publishes when it is back', async () => {
    const publisher = createPublisher(nats)
    await publisher.publish(SUBJECT, PAYLOAD, options())
    await freeze(server.server.pid)
    const published = publisher.publish(SUBJECT, PAYLOAD, options(60_000))
    const back = new Promise<void>((resolve) => {
      nats.onConnectedChange((isConnected) => {
        if (isConnected) resolve()
      })
    })
    await Promise.all([
      expect(published).rejects.toMatchObject({ code: 'CONNECTION_LOST' }),
      server.server.stop('SIGKILL'),
    ])
    await server.server.restart()
    await back
    expect(await publisher.publish(SUBJECT, PAYLOAD, options())).toMatchObject({ seq: 2 })
  })

  it('takes the acknowledgement that lay in the socket while the process stood still', async () => {
    const publisher = createPublisher(nats)
    const published = publisher.publish(SUBJECT, PAYLOAD, options(150))
    await nats.connection.flush()
    standStill(400)
    expect(await published).toMatchObject({ seq: 1 })
  })

  it('fails in time while every turn of the loop is long', async () => {
    const publisher = createPublisher(nats)
    await publisher.publish(SUBJECT, PAYLOAD, options())
    await freeze(server.server.pid)
    let isBusy = true
    // So long that no timer of the publisher's comes in time.
    const turn = (): void => {
      standStill(250)
      if (isBusy) setImmediate(turn)
    }
    turn()
    try {
      const published = publisher.publish(SUBJECT, PAYLOAD, options(50))
      await expect(published).rejects.toThrow(TimeoutError)
    } finally {
      isBusy = false
    }
  })

  it('does not take what is no acknowledgement for one', async () => {
    const subject = 'nobodys.stream'
    nats.connection.subscribe(subject, { callback: (_, message) => void message.respond('{}') })
    const published = createPublisher(nats).publish(subject, PAYLOAD, options())
    await expect(published).rejects.toThrow('invalid ack response')
  })
})
