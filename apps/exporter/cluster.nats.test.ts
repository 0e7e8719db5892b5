import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startNatsCluster, type NatsCluster } from '#tests/support/nats-cluster.ts'
import { start } from './app.ts'
import { exporterEnv } from './config.ts'

const log = createLogger('exporter', { level: 'silent' })
const DAYS = 20

/** That a server is lost is seen after ten seconds, that no leader can be elected after twenty. */
const ELECTED_MS = 60_000

describe('the exporter of a cluster of three with TLS', () => {
  let cluster: NatsCluster
  let exporter: App
  beforeAll(async () => {
    cluster = await startNatsCluster({ days: DAYS })
    await using nats = await connectNats({
      url: cluster.urls.join(','),
      caFile: cluster.certificateFile,
      name: 'test',
      log,
    })
    const manager = await jetstreamManager(nats.connection)
    await manager.streams.add({ name: 'EVENTS', subjects: ['xmidt.event.>'], num_replicas: 3 })
    await manager.consumers.add('EVENTS', {
      durable_name: 'webhook_one',
      ack_policy: AckPolicy.Explicit,
    })
    await jetstream(nats.connection).publish('xmidt.event.0.t.d', 'hello')
    exporter = await start(
      loadConfig(exporterEnv, {
        EXPORTER_NATS_URLS: cluster.monitoringUrls.join(','),
        EXPORTER_OPERATIONS_PORT: '0',
        EXPORTER_POLL_MS: '100',
      }),
      log,
    )
  }, 60_000)
  afterAll(async () => {
    await exporter[Symbol.asyncDispose]()
    await cluster[Symbol.asyncDispose]()
  })
  const valuesOf = async (name: string): Promise<number[]> => {
    const page = await (await fetch(`${exporter.url}/metrics`)).text()
    return [...page.matchAll(new RegExp(`^xmidt_nats_${name}\\{[^}]*\\} (\\S+)$`, 'gm'))].map(
      ([, value]) => Number(value),
    )
  }

  it('tells each stream and each consumer once, by its leader', async () => {
    await eventually(async () => {
      expect(await valuesOf('stream_messages')).toEqual([1])
      expect(await valuesOf('consumer_pending')).toEqual([1])
      expect(await valuesOf('stream_replicas_behind')).toEqual([0])
    })
  })

  it('shows of every server when its certificate runs out, and the others that it sees', async () => {
    expect(await valuesOf('server_up')).toEqual([1, 1, 1])
    for (const routes of await valuesOf('server_routes')) expect(routes).toBeGreaterThanOrEqual(2)
    const expiries = await valuesOf('server_certificate_expiry_timestamp_seconds')
    expect(expiries).toHaveLength(3)
    for (const expiry of expiries) {
      const days = (expiry - Date.now() / 1_000) / 86_400
      expect(days).toBeGreaterThan(DAYS - 0.1)
      expect(days).toBeLessThanOrEqual(DAYS)
    }
  })

  it('shows a server that was killed, and the replica that is missing', async () => {
    await cluster.kill(0)
    await eventually(
      async () => {
        expect((await valuesOf('server_up')).toSorted((a, b) => a - b)).toEqual([0, 1, 1])
        expect(await valuesOf('stream_messages')).toEqual([1])
        expect(await valuesOf('stream_replicas_behind')).toEqual([1])
      },
      { withinMs: ELECTED_MS },
    )
  }, 70_000)

  it('shows no stream any more once a second one is gone: nobody can use it', async () => {
    await cluster.kill(1)
    await eventually(async () => expect(await valuesOf('stream_messages')).toEqual([]), {
      withinMs: ELECTED_MS,
    })
    expect((await valuesOf('server_up')).toSorted((a, b) => a - b)).toEqual([0, 0, 1])
  }, 70_000)
})
