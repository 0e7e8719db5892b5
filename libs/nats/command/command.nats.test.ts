import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { headers, type Msg, type Subscription } from '@nats-io/transport-node'
import { wait } from '#libs/retry/wait.ts'
import { createLogger } from '#libs/log/logger.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { createCommander, type Commander, type CommandRequestOptions } from './command.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import type { CommandOutcome } from './pending-command.ts'
import { readTimeoutMs, replyError, replyNotTaken, replyReceipt } from './reply.ts'
import { commandSubject, deviceSubjects } from '#libs/nats/subjects.ts'

const log = createLogger('test', { level: 'silent' })
const device = parseDeviceId('mac:112233445566')
/** Short, so that a test of its running out is; far longer than any answer here takes. */
const RECEIPT_WAIT_MS = 300

let server: TestNats
let scytale: Nats
let talaria: Nats
let commander: Commander
let held: Subscription[] = []

const open = (url: string): Promise<Nats> => connectNats({ url, name: 'test', log })

beforeAll(async () => {
  server = await startTestNats()
  scytale = await open(server.urlOf('scytale'))
  talaria = await open(server.urlOf('talaria'))
})
afterAll(async () => {
  await talaria?.[Symbol.asyncDispose]()
  await scytale?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})
beforeEach(() => {
  commander = createCommander(scytale, { receiptWaitMs: RECEIPT_WAIT_MS })
})
afterEach(async () => {
  expect(commander.pendingCount).toBe(0)
  await commander[Symbol.asyncDispose]()
  for (const subscription of held) subscription.unsubscribe()
  held = []
  await talaria.connection.flush()
})

/** Holds the device as a Talaria does. */
async function hold(onCommand: (message: Msg) => void): Promise<void> {
  const callback = (error: Error | null, message: Msg): void => {
    if (!error) onCommand(message)
  }
  held.push(talaria.connection.subscribe(deviceSubjects(device), { callback }))
  await talaria.connection.flush()
}

const request = (options: Partial<CommandRequestOptions> = {}) =>
  commander.request(commandSubject(device), new TextEncoder().encode('ask'), {
    timeoutMs: 5_000,
    ...options,
  })

const answerOf = (outcome: CommandOutcome): string =>
  outcome.outcome === 'answered' ? new TextDecoder().decode(outcome.bytes) : outcome.outcome

describe('a command', () => {
  it('gets the answer of the device', async () => {
    await hold((message) => void message.respond(`answer to ${message.string()}`))
    expect(answerOf(await request())).toBe('answer to ask')
  })

  it('gets the refusal of the Talaria that holds the device, with its code and text', async () => {
    await hold((message) => replyError(message, 503, 'the queue\r\nis full'))
    expect(await request()).toEqual({ outcome: 'refused', code: 503, text: 'the queue is full' })
  })

  it('gets an answer that comes after a receipt and after the wait for it', async () => {
    await hold((message) => {
      replyReceipt(message, 'talaria-1')
      setTimeout(() => void message.respond('late'), RECEIPT_WAIT_MS * 2)
    })
    expect(answerOf(await request())).toBe('late')
  })

  it('that nobody holds the device for is known at once', async () => {
    const began = performance.now()
    expect(await request()).toEqual({ outcome: 'no-responders' })
    expect(performance.now() - began).toBeLessThan(RECEIPT_WAIT_MS)
  })

  it('that nobody holds the device for is known at once while tools watch everything', async () => {
    await using tools = await open(server.urlOf('tools'))
    tools.connection.subscribe('>')
    await tools.connection.flush()
    expect(await request()).toEqual({ outcome: 'no-responders' })
  })

  it('that only a watcher in the same account hears ends without a receipt', async () => {
    await using watcher = await open(server.urlOf('library'))
    watcher.connection.subscribe('>')
    await watcher.connection.flush()
    const began = performance.now()
    expect(await request()).toEqual({ outcome: 'no-receipt' })
    const tookMs = performance.now() - began
    expect(tookMs).toBeGreaterThan(RECEIPT_WAIT_MS - 20)
    expect(tookMs).toBeLessThan(5_000)
  })

  it('that has a receipt and no answer times out', async () => {
    await hold((message) => replyReceipt(message, 'talaria-1'))
    expect(await request({ timeoutMs: RECEIPT_WAIT_MS * 2 })).toEqual({ outcome: 'timed-out' })
  })

  it('ends when whoever asked gives up', async () => {
    const ending = new AbortController()
    await hold(() => ending.abort())
    expect(await request({ signal: ending.signal })).toEqual({ outcome: 'aborted' })
    expect(await request({ signal: ending.signal })).toEqual({ outcome: 'aborted' })
  })

  it('is published once, and says how long it is waited for, as a duration', async () => {
    const seen: Msg[] = []
    await hold((message) => seen.push(message))
    const carried = headers()
    carried.set('traceparent', '00-1-2-01')
    const asked = commander.request(commandSubject(device), new Uint8Array(), {
      timeoutMs: RECEIPT_WAIT_MS * 2,
      headers: carried,
    })
    expect(await asked).toEqual({ outcome: 'no-receipt' })
    expect(seen).toHaveLength(1)
    expect(readTimeoutMs(seen[0]!)).toBe(RECEIPT_WAIT_MS * 2)
    expect(seen[0]!.headers?.get('traceparent')).toBe('00-1-2-01')
  })

  it('and another in flight each get their own answer, in whatever order', async () => {
    const waiting: Msg[] = []
    await hold((message) => {
      waiting.push(message)
      if (waiting.length < 50) return
      for (const each of waiting.toReversed()) each.respond(each.data)
    })
    const asked = Array.from({ length: 50 }, (_, index) =>
      commander.request(commandSubject(device), new TextEncoder().encode(String(index)), {
        timeoutMs: 5_000,
      }),
    )
    const answers = (await Promise.all(asked)).map(answerOf)
    expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => String(index)))
  })

  it('of a commander that ends is told so', async () => {
    await hold(() => void commander[Symbol.asyncDispose]())
    expect(await request()).toEqual({ outcome: 'given-up', maybeSent: true })
    expect(await request()).toEqual({ outcome: 'given-up', maybeSent: false })
  })

  it('that its Talaria did not take has reached nobody, at once where that is proved', async () => {
    for (const isMoving of [true, false]) {
      await hold((message) => replyNotTaken(message, 'leaving', isMoving))
      const proveUntaken = (): Promise<boolean> => Promise.resolve(true)
      expect(await request({ proveUntaken })).toEqual({ outcome: 'not-taken', isMoving })
      const unproved = await request({ proveUntaken: () => Promise.resolve(false) })
      expect(unproved).toEqual({ outcome: 'not-taken', isMoving })
      held.pop()?.unsubscribe()
    }
  })

  it('that one Talaria did not take and another did is the business of the other, however late it says so', async () => {
    await hold((message) => replyNotTaken(message, 'leaving', true))
    await hold((message) => {
      setTimeout(() => replyReceipt(message, 'taking'), RECEIPT_WAIT_MS / 2)
      setTimeout(() => void message.respond('taken'), RECEIPT_WAIT_MS * 2)
    })
    const proveUntaken = async (): Promise<boolean> => {
      await wait(RECEIPT_WAIT_MS * 0.7)
      return true
    }
    expect(answerOf(await request({ proveUntaken }))).toBe('taken')
  })

  it('that nobody says anything of has reached nobody where that is proved', async () => {
    await hold(() => undefined)
    const proveUntaken = (): Promise<boolean> => Promise.resolve(true)
    expect(await request({ proveUntaken })).toEqual({ outcome: 'not-taken', isMoving: true })
    const unproved = await request({ proveUntaken: () => Promise.resolve(false) })
    expect(unproved).toEqual({ outcome: 'no-receipt' })
  })

  it('gets the answer that lay in the socket while this process stood still', async () => {
    await hold((message) => void message.respond('in time'))
    const asked = request()
    await scytale.connection.flush()
    standStill(RECEIPT_WAIT_MS * 2)
    expect(answerOf(await asked)).toBe('in time')
  })
})

/** Blocks the loop, as a stopped process or a long computation does. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('a command while NATS', () => {
  it('goes away may have reached the device, and after that was not sent', async () => {
    await using own = await startTestNats()
    await using nats = await open(own.urlOf('library'))
    await using lost = createCommander(nats)
    nats.connection.subscribe('>')
    await nats.connection.flush()
    const asking = lost.request(commandSubject(device), new Uint8Array(), { timeoutMs: 10_000 })
    await nats.connection.flush()
    await own.server.stop('SIGKILL')
    expect(await asking).toEqual({ outcome: 'disconnected', maybeSent: true })
    const next = lost.request(commandSubject(device), new Uint8Array(), { timeoutMs: 10_000 })
    expect(await next).toEqual({ outcome: 'disconnected', maybeSent: false })
  })
})
