/** NATS: the servers, JetStream's disks, the streams. */
import type { Dashboard } from './dashboard.ts'

/** What everything stands on. */
export const nats: Dashboard = {
  uid: 'nats',
  title: 'NATS',
  description: 'The nats-servers as the exporter sees them.',
  rows: [
    {
      question: 'Are the servers there?',
      panels: [
        {
          title: 'Servers',
          description:
            '1 each. With one of three away all goes on, with two JetStream stands still.',
          unit: 'none',
          kind: 'stat',
          queries: [['min by (server) (xmidt_nats_server_up)', '{{server}}']],
        },
        {
          title: 'Running since',
          description: 'A short time is a restart.',
          unit: 's',
          kind: 'stat',
          queries: [['time() - xmidt_nats_server_start_time_seconds', '{{server}}']],
        },
        {
          title: 'Replicas behind',
          description: 'Zero. Until it is, nothing else may be restarted.',
          unit: 'none',
          kind: 'stat',
          queries: [['sum(xmidt_nats_stream_replicas_behind)', 'behind']],
        },
        {
          title: 'Certificates run out in',
          description: 'Two weeks before, an alert says so.',
          unit: 's',
          kind: 'stat',
          queries: [
            ['xmidt_nats_server_certificate_expiry_timestamp_seconds - time()', '{{server}}'],
          ],
          mayBeEmpty: 'a server without TLS has no certificate',
        },
      ],
    },
    {
      question: 'Who is connected, and does everybody read?',
      panels: [
        {
          title: 'Connections',
          description:
            'Spread over the servers. Some per app instance; many more is a client that reconnects in a loop.',
          unit: 'short',
          queries: [
            ['xmidt_nats_server_connections', '{{server}}'],
            ['min(xmidt_nats_server_connections_max)', 'limit'],
          ],
        },
        {
          title: 'Subscriptions',
          description: 'One for each device, at every server of the cluster: memory goes with it.',
          unit: 'short',
          queries: [['xmidt_nats_server_subscriptions', '{{server}}']],
        },
        {
          title: 'Clients cut off as they did not read',
          description: 'Zero. The log of the server names them.',
          unit: 'reqps',
          queries: [
            ['rate(xmidt_nats_server_slow_consumers_total[$__rate_interval])', '{{server}}'],
          ],
        },
        {
          title: 'Connections between servers',
          description: 'The same at every server of a cluster; zero alone.',
          unit: 'short',
          queries: [['xmidt_nats_server_routes', '{{server}}']],
        },
      ],
    },
    {
      question: 'How busy are they?',
      panels: [
        {
          title: 'CPU',
          description: 'In cores. A server that uses all of its machine answers late.',
          unit: 'none',
          queries: [['xmidt_nats_server_cpu_cores', '{{server}}']],
        },
        {
          title: 'Memory',
          description: 'Grows with subscriptions and with the subjects of streams.',
          unit: 'bytes',
          queries: [['xmidt_nats_server_memory_bytes', '{{server}}']],
        },
        {
          title: 'Messages',
          description: 'In and out, routes included.',
          unit: 'reqps',
          queries: [
            [
              'sum by (direction) (rate(xmidt_nats_server_messages_total[$__rate_interval]))',
              '{{direction}}',
            ],
          ],
        },
        {
          title: 'Bytes',
          description: 'The same in bytes: against what the network between the machines bears.',
          unit: 'Bps',
          queries: [
            [
              'sum by (direction) (rate(xmidt_nats_server_bytes_total[$__rate_interval]))',
              '{{direction}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'How full is JetStream?',
      panels: [
        {
          title: 'Disk, of what it may have',
          description: 'Above 80 % an alert. Full, nothing is stored any more.',
          unit: 'percentunit',
          queries: [
            [
              'xmidt_nats_jetstream_storage_bytes / xmidt_nats_jetstream_storage_bytes_max',
              '{{server}}',
            ],
          ],
        },
        {
          title: 'Streams, of their cap',
          description:
            'EVENTS, EVENTS_LOW and DEAD_LETTERS drop the oldest when full; buckets (KV_…) refuse.',
          unit: 'percentunit',
          queries: [['xmidt_nats_stream_bytes / xmidt_nats_stream_bytes_max', '{{stream}}']],
        },
        {
          title: 'Messages in streams',
          description:
            'EVENTS and EVENTS_LOW: the backlog that a webhook may have. KV_WEBHOOKS: registrations. KV_TALARIAS: Talarias.',
          unit: 'short',
          queries: [['xmidt_nats_stream_messages', '{{stream}}']],
        },
      ],
    },
    {
      question: 'Does JetStream answer?',
      panels: [
        {
          title: 'Requests to JetStream',
          description:
            'Failed ones are answers too, such as "no such consumer"; a rate that grows is worth a look.',
          unit: 'reqps',
          queries: [
            ['sum(rate(xmidt_nats_jetstream_requests_total[$__rate_interval]))', 'all'],
            ['sum(rate(xmidt_nats_jetstream_requests_failed_total[$__rate_interval]))', 'failed'],
          ],
        },
        {
          title: 'Consumers',
          description:
            'EVENTS and EVENTS_LOW: one for each webhook. Buckets: one for each watcher; growth without end is a leak.',
          unit: 'short',
          queries: [['xmidt_nats_stream_consumers', '{{stream}}']],
        },
        {
          title: 'Redelivered, the ten largest',
          description: 'Messages that were delivered more than once and are not settled.',
          unit: 'short',
          queries: [['topk(10, xmidt_nats_consumer_redelivered)', '{{stream}} {{consumer}}']],
        },
      ],
    },
  ],
}
