import { describe, expect, it } from 'vitest'
import type { ServerAnswers } from './answers.ts'
import { createMetrics } from './metrics.ts'
import { show } from './show.ts'

const varz: ServerAnswers['varz'] = {
  server_name: 'one',
  start: '2026-11-24T15:41:48.215014386Z',
  cpu: 150,
  mem: 1,
  connections: 1,
  max_connections: 10,
  subscriptions: 1,
  routes: 2,
  slow_consumers: 3,
  in_msgs: 1,
  out_msgs: 2,
  in_bytes: 3,
  out_bytes: 4,
  tls_cert_not_after: '2026-12-14T00:00:00Z',
  jetstream: {},
}

const streamLedBy = (leader: string | undefined, messages: number): ServerAnswers['jsz'] => ({
  account_details: [
    {
      stream_detail: [
        {
          name: 'EVENTS',
          config: { max_bytes: -1, max_age: 0 },
          state: {
            messages,
            bytes: 1,
            first_seq: 1,
            first_ts: '0001-01-01T00:00:00Z',
            last_seq: 1,
            consumer_count: 0,
          },
          cluster: {
            ...(leader !== undefined && { leader }),
            replicas: [{ current: true }, { current: true, offline: true }, { current: false }],
          },
        },
      ],
    },
  ],
})

const pageOf = async (...servers: [string, ServerAnswers | undefined][]): Promise<string> => {
  const metrics = createMetrics()
  show(new Map(servers), metrics)
  return metrics.registry.page()
}

describe('what is shown of a cluster', () => {
  it('takes a stream from the server that leads it, with the replicas that are behind', async () => {
    const page = await pageOf(
      ['a:1', { varz, jsz: streamLedBy('two', 5), refusesWrites: false }],
      [
        'b:1',
        { varz: { ...varz, server_name: 'two' }, jsz: streamLedBy('two', 7), refusesWrites: false },
      ],
    )
    expect(page).toContain('xmidt_nats_stream_messages{stream="EVENTS"} 7')
    expect(page).toContain('xmidt_nats_stream_replicas_behind{stream="EVENTS"} 2')
  })

  it('shows no stream that has no leader, as nobody can use it', async () => {
    const page = await pageOf([
      'a:1',
      { varz, jsz: streamLedBy(undefined, 5), refusesWrites: false },
    ])
    expect(page).not.toContain('xmidt_nats_stream_messages{')
  })

  it('shows no cap, no age and no oldest message where there is none', async () => {
    const page = await pageOf(['a:1', { varz, jsz: streamLedBy('one', 0), refusesWrites: false }])
    expect(page).toContain('xmidt_nats_stream_messages{stream="EVENTS"} 0')
    expect(page).not.toMatch(/^xmidt_nats_stream_(bytes_max|age_max_seconds|oldest_\w+)\{/m)
  })

  it('tells CPU in cores and times in seconds', async () => {
    const page = await pageOf(['a:1', { varz, jsz: {}, refusesWrites: false }])
    expect(page).toContain('xmidt_nats_server_cpu_cores{server="a:1"} 1.5')
    expect(page).toContain(
      'xmidt_nats_server_certificate_expiry_timestamp_seconds{server="a:1"} 1797206400',
    )
    expect(page).toContain('xmidt_nats_server_slow_consumers_total{server="a:1"} 3')
  })

  it('replaces what was shown before, counters too', async () => {
    const metrics = createMetrics()
    show(new Map([['a:1', { varz, jsz: streamLedBy('one', 5), refusesWrites: false }]]), metrics)
    show(
      new Map([['a:1', { varz: { ...varz, slow_consumers: 4 }, jsz: {}, refusesWrites: false }]]),
      metrics,
    )
    const page = await metrics.registry.page()
    expect(page).toContain('xmidt_nats_server_slow_consumers_total{server="a:1"} 4')
    expect(page).not.toContain('xmidt_nats_stream_messages{')
  })
})
