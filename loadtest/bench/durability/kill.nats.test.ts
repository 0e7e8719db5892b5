import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { MODES, nameOf } from './mode.ts'
import { startServers } from './servers.ts'

/** Enough that many are under way when the servers die. */
const IN_FLIGHT = 64

/** When so many are acknowledged the servers are killed. */
const ACKNOWLEDGED_MIN = 500

it.each(MODES.map((mode) => [nameOf(mode), mode] as const))(
  'kill -9 of every nats-server takes no acknowledged event along: %s',
  { timeout: 120_000 },
  async (_, mode) => {
    const directory = mkdtempSync(join(tmpdir(), 'durability-'))
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    {
      await using servers = await startServers(binary, directory, mode)
      const acknowledged = new Set<string>()
      let isKilled = false
      const jetStream = jetstream(servers.connection)
      const worker = async (worker: number): Promise<void> => {
        for (let count = 0; !isKilled; count += 1) {
          const device = `mac_${worker}-${count}`
          const subject = `xmidt.event.0.kill.${device}`
          try {
            await jetStream.publish(subject, 'x', { timeout: 5_000 })
            acknowledged.add(subject)
          } catch {
            return
          }
        }
      }
      const workers = Array.from({ length: IN_FLIGHT }, (_each, index) => worker(index))
      while (acknowledged.size < ACKNOWLEDGED_MIN) await new Promise(setImmediate)
      const before = acknowledged.size
      const killing = servers.killAndRestart()
      isKilled = true
      await Promise.all([killing, ...workers])
      expect(acknowledged.size).toBeGreaterThanOrEqual(before)

      const manager = await jetstreamManager(servers.connection, { checkAPI: false })
      const { state } = await manager.streams.info('EVENTS', { subjects_filter: '>' })
      const kept = new Set(Object.keys(state.subjects ?? {}))
      expect([...acknowledged].filter((subject) => !kept.has(subject))).toEqual([])
    }
    rmSync(directory, { recursive: true })
  },
)
