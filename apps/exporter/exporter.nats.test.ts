import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { eventually } from '#tests/support/eventually.ts'
import { limitFileSize, whyNoFileSizeLimit } from '#tests/support/file-size-limit.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { start } from './app.ts'
import { exporterEnv } from './config.ts'

const log = createLogger('exporter', { level: 'silent' })

const startExporter = (urls: readonly (string | undefined)[], more = {}): Promise<App> =>
  start(
    loadConfig(exporterEnv, {
      EXPORTER_NATS_URLS: urls.join(','),
      EXPORTER_OPERATIONS_PORT: '0',
      EXPORTER_POLL_MS: '100',
      ...more,
    }),
    log,
  )

async function valueOf(exporter: App, series: string): Promise<number | undefined> {
  const page = await (await fetch(`${exporter.url}/metrics`)).text()
  const line = page.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

const readyOf = async (exporter: App): Promise<number> =>
  (await fetch(`${exporter.url}/readyz`)).status

describe('the exporter', () => {
  let server: TestNats
  let nats: Nats
  beforeAll(async () => {
    server = await startTestNats()
    nats = await connectNats({ url: server.urlOf('library'), name: 'test', log })
  })
  afterAll(async () => {
    await nats[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })
  const hostOf = (): string => new URL(server.server.monitoringUrl ?? '').host

  it('shows the server as it is', async () => {
    await using exporter = await startExporter([server.server.monitoringUrl])
    const of = (name: string) => valueOf(exporter, `xmidt_nats_${name}{server="${hostOf()}"}`)
    expect(await of('server_up')).toBe(1)
    expect(await of('server_connections')).toBe(1)
    expect(await of('server_memory_bytes')).toBeGreaterThan(1_000_000)
    expect(
      Math.abs(Date.now() / 1_000 - ((await of('server_start_time_seconds')) ?? 0)),
    ).toBeLessThan(60)
    expect(await of('jetstream_storage_bytes_max')).toBeGreaterThan(0)
    expect(await of('server_certificate_expiry_timestamp_seconds')).toBeUndefined()
    expect(await readyOf(exporter)).toBe(200)
  })

  it('shows how far behind each durable consumer is, and no consumer with a name of chance', async () => {
    const manager = await jetstreamManager(nats.connection)
    const js = jetstream(nats.connection)
    await manager.consumers.add('EVENTS', {
      durable_name: 'webhook_one',
      ack_policy: AckPolicy.Explicit,
    })
    await manager.consumers.add('EVENTS', { ack_policy: AckPolicy.Explicit })
    for (let index = 0; index < 5; index += 1) await js.publish('xmidt.event.0.t.d', 'hello')
    const consumer = await js.consumers.get('EVENTS', 'webhook_one')
    const first = await consumer.next()
    await first?.ackAck()
    await consumer.next()

    await using exporter = await startExporter([server.server.monitoringUrl])
    const of = (name: string) =>
      valueOf(exporter, `xmidt_nats_consumer_${name}{stream="EVENTS",consumer="webhook_one"}`)
    expect(await of('pending')).toBe(3)
    expect(await of('ack_pending')).toBe(1)
    expect(await of('ack_floor_sequence')).toBe(1)
    const stream = (name: string) => valueOf(exporter, `xmidt_nats_stream_${name}{stream="EVENTS"}`)
    expect(await stream('messages')).toBe(5)
    expect(await stream('bytes_max')).toBe(64 * 1024 * 1024)
    expect(await stream('age_max_seconds')).toBe(6 * 3_600)
    expect(await stream('first_sequence')).toBe(1)
    expect(await stream('last_sequence')).toBe(5)
    expect(await stream('consumers')).toBe(2)
    expect(await stream('replicas_behind')).toBe(0)
    const page = await (await fetch(`${exporter.url}/metrics`)).text()
    expect(page.match(/^xmidt_nats_consumer_pending\{/gm)).toHaveLength(1)

    await manager.consumers.delete('EVENTS', 'webhook_one')
    await eventually(async () => expect(await of('pending')).toBeUndefined())
  })

  it('says that a server is away, shows nothing of it, and finds it again', async () => {
    await using other = await startTestNats()
    const { monitoringUrl } = other.server
    const { host } = new URL(monitoringUrl ?? '')
    await using exporter = await startExporter([server.server.monitoringUrl, monitoringUrl])
    const of = (name: string) => valueOf(exporter, `xmidt_nats_${name}{server="${host}"}`)
    expect(await of('server_up')).toBe(1)
    await other.server.stop('SIGKILL')
    await eventually(async () => expect(await of('server_up')).toBe(0))
    expect(await of('server_memory_bytes')).toBeUndefined()
    expect(await valueOf(exporter, `xmidt_nats_server_up{server="${hostOf()}"}`)).toBe(1)
    expect(await readyOf(exporter)).toBe(200)
  })

  it.skipIf(whyNoFileSizeLimit)(
    `shows a server that refuses to store since a write failed, until it is restarted (${whyNoFileSizeLimit ?? 'tried for real'})`,
    async () => {
      await using other = await startTestNats()
      const { monitoringUrl, pid } = other.server
      const { host } = new URL(monitoringUrl ?? '')
      await using exporter = await startExporter([monitoringUrl])
      const refused = () => valueOf(exporter, `xmidt_nats_server_writes_refused{server="${host}"}`)
      expect(await refused()).toBe(0)
      await using client = await connectNats({ url: other.urlOf('library'), name: 'test', log })
      limitFileSize(pid, 1)
      client.connection.publish('xmidt.event.0.t.d', 'x')
      await eventually(async () => expect(await refused()).toBe(1))
      limitFileSize(pid, undefined)
      client.connection.publish('xmidt.event.0.t.d', 'x')
      await client.connection.flush()
      expect(await refused()).toBe(1)
    },
  )

  it.each([
    ['too large', 'x'.repeat(2_000)],
    ['no JSON', 'hello'],
    ['something else', '{"server_name":7}'],
  ])('takes an answer that is %s for none', async (_what, answer) => {
    const stranger = createServer((_request, response) => void response.end(answer))
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const { port } = stranger.address() as AddressInfo
    try {
      await using exporter = await startExporter([`http://127.0.0.1:${port}`], {
        EXPORTER_ANSWER_BYTES_MAX: '1000',
      })
      expect(await valueOf(exporter, `xmidt_nats_server_up{server="127.0.0.1:${port}"}`)).toBe(0)
      expect(await readyOf(exporter)).toBe(503)
    } finally {
      stranger.closeAllConnections()
      stranger.close()
    }
  })

  it('counts a server that does not answer in time as away', async () => {
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    try {
      await using exporter = await startExporter([`http://127.0.0.1:${port}`], {
        EXPORTER_ANSWER_MS: '100',
      })
      expect(await valueOf(exporter, `xmidt_nats_server_up{server="127.0.0.1:${port}"}`)).toBe(0)
    } finally {
      silent.closeAllConnections()
      silent.close()
    }
  })

  it('refuses to start without a URL that it could ask', () => {
    expect(() => loadConfig(exporterEnv, { EXPORTER_NATS_URLS: 'nats-1:8222' })).toThrow(
      /EXPORTER_NATS_URLS/,
    )
  })
})
