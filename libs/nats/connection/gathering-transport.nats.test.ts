import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { countWrites, whyNoWriteCount } from '#tests/support/count-writes.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startNatsCluster } from '#tests/support/nats-cluster.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { openTcpGate } from '#tests/support/tcp-gate.ts'
import { connectNats, type Nats } from './connect.ts'

const log = createLogger('test', { level: 'silent' })
const COUNT = 300
const TEXTS = Array.from({ length: COUNT }, (_, index) => String(index))

let server: TestNats
beforeAll(async () => {
  server = await startTestNats()
})
afterAll(() => server?.[Symbol.asyncDispose]())

const open = (url = server.urlOf('library'), caFile?: string): Promise<Nats> =>
  connectNats({ url, caFile, name: 'test', log })

/** What comes by `subject`, in its order. */
async function listen(nats: Nats, subject: string): Promise<string[]> {
  const received: string[] = []
  nats.connection.subscribe(subject, {
    callback: (_, message) => void received.push(message.string()),
  })
  await nats.connection.flush()
  return received
}

/** Publishes all in one turn of the loop, each after microtasks of its own, as callbacks do. */
async function publishAll(nats: Nats, subject: string): Promise<void> {
  for (const text of TEXTS) {
    nats.connection.publish(subject, text)
    for (let tick = 0; tick < 3; tick += 1) await Promise.resolve()
  }
  // What was gathered leaves at the end of the turn.
  for (let turn = 0; turn < 2; turn += 1) await nextTurn()
}

describe('what is published in one turn of the loop', () => {
  it.skipIf(whyNoWriteCount)('arrives in its order, by one write', async () => {
    await using reader = await open()
    await using nats = await open()
    const received = await listen(reader, 'turn')
    const writes = await countWrites(() => publishAll(nats, 'turn'))
    await eventually(() => expect(received).toEqual(TEXTS))
    expect(writes).toBeLessThan(COUNT / 5)
  })

  it.skipIf(whyNoWriteCount)(
    'arrives alike through TLS',
    async () => {
      await using cluster = await startNatsCluster({ days: 1 })
      const { certificateFile, urls } = cluster
      await using nats = await open(urls[0], certificateFile)
      const received = await listen(nats, 'turn')
      const writes = await countWrites(() => publishAll(nats, 'turn'))
      await eventually(() => expect(received).toEqual(TEXTS))
      expect(writes).toBeLessThan(COUNT / 5)
    },
    60_000,
  )

  it('arrives although the connection is closed in the same turn, without draining', async () => {
    await using reader = await open()
    const received = await listen(reader, 'closed')
    const nats = await open()
    await publishAll(nats, 'closed')
    await nats.connection.close()
    await eventually(() => expect(received).toEqual(TEXTS))
    await nats[Symbol.asyncDispose]()
  })

  it('arrives although the connection is drained in the same turn', async () => {
    await using reader = await open()
    const received = await listen(reader, 'drained')
    {
      await using nats = await open()
      await publishAll(nats, 'drained')
    }
    await eventually(() => expect(received).toEqual(TEXTS))
  })

  it('arrives when the server reads again that did not for a while', async () => {
    await using nats = await open()
    const received = await listen(nats, 'stopped')
    const payload = 'x'.repeat(100_000)
    const { pid } = server.server
    process.kill(pid, 'SIGSTOP')
    try {
      for (const text of TEXTS) nats.connection.publish('stopped', `${text} ${payload}`)
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await eventually(() => expect(received.map((text) => text.split(' ')[0])).toEqual(TEXTS))
  })

  it.skipIf(whyNoWriteCount)(
    'and was flushed is not lost with its connection, and the next gathers too',
    async () => {
      await using reader = await open()
      const received = await listen(reader, 'broken')
      await using gate = await openTcpGate(server.server.port)
      const url = new URL(server.urlOf('library'))
      url.port = String(gate.port)
      await using nats = await open(url.href)
      await publishAll(nats, 'broken')
      await nats.connection.flush()
      gate.setOpen(false)
      await eventually(() => expect(nats.isConnected).toBe(false))
      expect(received).toEqual(TEXTS)
      gate.setOpen(true)
      await eventually(() => expect(nats.isConnected).toBe(true))
      const writes = await countWrites(() => publishAll(nats, 'broken'))
      await eventually(() => expect(received).toHaveLength(2 * COUNT))
      // Those of the gate and of Node itself are among them.
      expect(writes).toBeLessThan(COUNT / 5)
    },
  )
})
