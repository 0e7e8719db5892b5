import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { freeze } from '#tests/support/freeze.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { createOutflow } from './outflow.ts'

const MAX = 1_000
const LONG_MS = 20_000
const { signal } = new AbortController()

let server: TestNats
let nats: Nats

beforeEach(async () => {
  server = await startTestNats()
  const log = pino({ level: 'silent' })
  nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
})
afterEach(async () => {
  process.kill(server.server.pid, 'SIGCONT')
  await nats[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

describe('what is written to NATS', () => {
  it('goes on at once while there is room, and one that is larger than all of it too', async () => {
    using outflow = createOutflow(nats, MAX)
    expect(await outflow.take(MAX * 2, 0, signal)).toBeDefined()
    expect(await outflow.take(1, 0, signal)).toBeUndefined()
  })

  it('waits until the server has answered, in the order of coming', async () => {
    using outflow = createOutflow(nats, MAX)
    await freeze(server.server.pid)
    const onRead = await outflow.take(MAX, 0, signal)
    const order: string[] = []
    const large = outflow.take(MAX, LONG_MS, signal).then(() => order.push('large'))
    const small = outflow.take(1, LONG_MS, signal).then(() => order.push('small'))
    expect(await outflow.take(1, 50, signal)).toBeUndefined()
    expect(order).toEqual([])
    onRead?.()
    await large
    expect(order).toEqual(['large'])
    // Nobody answers to the large one, but the server reads on.
    process.kill(server.server.pid, 'SIGCONT')
    await small
    expect(order).toEqual(['large', 'small'])
  })

  it('does not wait any more at the end', async () => {
    using outflow = createOutflow(nats, MAX)
    await freeze(server.server.pid)
    await outflow.take(MAX, 0, signal)
    const ending = new AbortController()
    const waiting = outflow.take(1, LONG_MS, ending.signal)
    ending.abort()
    expect(await waiting).toBeUndefined()
    expect(await outflow.take(1, LONG_MS, ending.signal)).toBeUndefined()
  })

  it('is forgotten with the connection that it was written to', async () => {
    using outflow = createOutflow(nats, MAX)
    await freeze(server.server.pid)
    await outflow.take(MAX, 0, signal)
    const waiting = outflow.take(MAX, LONG_MS, signal)
    await server.server.stop('SIGKILL')
    await eventually(() => expect(nats.isConnected).toBe(false))
    expect(await waiting).toBeDefined()
    await server.server.restart()
  })
})
