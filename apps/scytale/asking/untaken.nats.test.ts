import { describe, expect, it } from 'vitest'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { replyHeld } from '#libs/nats/command/reply.ts'
import { deviceSubjects, TALARIAS_PING } from '#libs/nats/subjects.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { createMetrics } from '#apps/scytale/metrics.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { createUntaken } from './untaken.ts'
import { createView } from './view.ts'

const log = createLogger('test', { level: 'silent' })
const device = parseDeviceId('mac:112233445566')
const HOUR_MS = 3_600_000

/**
 * Whether it is proved that nobody took a command of some 200 ms ago, when the one Talaria of the region
 * has taken none, and a session that has been in place for `heldMs` answers for the device. The test
 * plays both.
 */
async function isProved(heldMs: number | undefined, { isJoined }: { isJoined: boolean }) {
  const region = isJoined ? { name: 'east' } : undefined
  await using server = await startTestNats({ region })
  await using talaria = await connectNats({ url: server.urlOf('talaria'), name: 'test', log })
  await using nats = await connectNats({ url: server.urlOf('scytale'), name: 'test', log })
  const ping = { id: 'one', subscribed: true, since: '2026-01-01T00:00:00Z', ageMs: HOUR_MS }
  talaria.connection.subscribe(TALARIAS_PING, {
    callback: (_error, message) => void message.respond(JSON.stringify(ping)),
  })
  if (heldMs !== undefined) {
    talaria.connection.subscribe(deviceSubjects(device), {
      callback: (_error, message) => replyHeld(message, '{}', heldMs),
    })
  }
  await talaria.connection.flush()
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  using view = createView({ nats, talarias: () => ['one'], metrics, faults })
  return await createUntaken({ nats, view, metrics }).prove(device, performance.now() - 200)
}

describe('that nobody took a command', () => {
  it('is proved in one region by whoever holds the device by now, or that nobody does', async () => {
    expect(await isProved(HOUR_MS, { isJoined: false })).toBe(true)
    expect(await isProved(1, { isJoined: false })).toBe(true)
    expect(await isProved(undefined, { isJoined: false })).toBe(true)
  })

  it('is proved where regions are joined by one who held the device well before', async () => {
    expect(await isProved(HOUR_MS, { isJoined: true })).toBe(true)
  })

  it('is not proved there by one who has it since, as another region may have had it', async () => {
    expect(await isProved(1, { isJoined: true })).toBe(false)
    // Older than the command, but its announcement may not have been everywhere by then.
    expect(await isProved(700, { isJoined: true })).toBe(false)
  })

  it('is not proved there by that nobody has it now', async () => {
    expect(await isProved(undefined, { isJoined: true })).toBe(false)
  })
})
