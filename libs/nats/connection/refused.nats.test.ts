import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { createCommander } from '#libs/nats/command/command.ts'
import { connectNats } from './connect.ts'

let server: TestNats
beforeAll(async () => {
  server = await startTestNats({ expectsRefusals: true })
})
afterAll(() => server[Symbol.asyncDispose]())

const TEXT = new TextEncoder().encode('{}')

describe('what a user may not do', () => {
  it('is logged as an error with the user and the subject, whoever listens to it or not', async () => {
    const lines: Record<string, unknown>[] = []
    const log = createLogger('test', {
      level: 'error',
      destination: {
        write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
      },
    })
    await using nats = await connectNats({ url: server.urlOf('petasos'), name: 'test', log })
    nats.connection.publish('$KV.TALARIAS.t-1', TEXT)
    nats.connection.subscribe('xmidt.device.>', { callback: () => {} })
    await using commander = createCommander(nats)
    const asked = await commander.request('xmidt.device.mac_1.command', TEXT, { timeoutMs: 300 })
    expect(asked.outcome).not.toBe('no-responders')
    await eventually(() => expect(lines).toHaveLength(3))
    const msg = 'nats refuses what the user may not do'
    const refused = { level: 'error', nats: 'test', user: 'petasos', msg }
    expect(lines).toEqual([
      expect.objectContaining({ ...refused, operation: 'publish', subject: '$KV.TALARIAS.t-1' }),
      expect.objectContaining({ ...refused, operation: 'subscription', subject: 'xmidt.device.>' }),
      expect.objectContaining({ ...refused, subject: 'xmidt.device.mac_1.command' }),
    ])
    expect(JSON.stringify(lines)).not.toContain('petasos-password')
  })
})
