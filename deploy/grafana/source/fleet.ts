/** The fleet: which devices are connected, where, and who does not get in. */
import type { Dashboard } from './dashboard.ts'

/** Where somebody looks first. */
export const fleet: Dashboard = {
  uid: 'fleet',
  title: 'fleet',
  description: 'Devices and the apps that carry them.',
  rows: [
    {
      question: 'Is everything there?',
      panels: [
        {
          title: 'Devices',
          description:
            'All devices that are connected. It moves slowly; a step is an incident or its end.',
          unit: 'short',
          kind: 'stat',
          queries: [['sum(xmidt_talaria_devices)', 'devices']],
        },
        {
          title: 'Talarias that take devices',
          description: 'As Petasos knows them. Below what was deployed, one is away or drains.',
          unit: 'none',
          kind: 'stat',
          queries: [['max(xmidt_petasos_talarias{state="live"})', 'live']],
        },
        {
          title: 'Instances that answer',
          description: 'By app. Each should be what was deployed.',
          unit: 'none',
          kind: 'stat',
          queries: [['sum by (job) (up)', '{{job}}']],
        },
        {
          title: 'Versions',
          description: 'Instances by version. Two versions only while a rollout is under way.',
          unit: 'none',
          kind: 'stat',
          queries: [['count by (version) (xmidt_build_info)', '{{version}}']],
        },
      ],
    },
    {
      question: 'Do the devices stay, and are they spread?',
      panels: [
        {
          title: 'Devices by Talaria',
          description:
            'Lines close to each other, by weight. One that falls while others rise has lost or drained its devices.',
          unit: 'short',
          queries: [['xmidt_talaria_devices', '{{instance}}']],
        },
        {
          title: 'Connects and ends',
          description:
            'Equal in the long run. A peak of ends is followed by one of connects, spread over some time.',
          unit: 'reqps',
          queries: [
            ['sum(rate(xmidt_talaria_connects_total[$__rate_interval]))', 'connects'],
            ['sum(rate(xmidt_talaria_disconnects_total[$__rate_interval]))', 'ends'],
          ],
        },
        {
          title: 'Why connections end',
          description:
            'readerror and idle are the network and devices that went away; duplicate, the device came again; drained and shutdown are ours.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_talaria_disconnects_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Sessions that moved',
          description:
            'closed-mine: the device connected elsewhere, and the older session here was closed. Many without a rollout: devices that do not notice their own end.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_talaria_takeovers_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'Who does not get in?',
      panels: [
        {
          title: 'Connects refused by Talarias',
          description:
            'token-…: credentials, or clocks. overloaded and devices-max: not enough Talarias. keys-unavailable: Themis is away.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_talaria_connects_refused_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Redirects',
          description: 'Each connect begins with one. no-talaria means that nobody takes devices.',
          unit: 'reqps',
          queries: [
            [
              'sum by (talaria) (rate(xmidt_petasos_redirects_total[$__rate_interval]))',
              'to {{talaria}}',
            ],
            [
              'sum by (reason) (rate(xmidt_petasos_requests_refused_total[$__rate_interval]))',
              'refused: {{reason}}',
            ],
          ],
        },
        {
          title: 'Doors',
          description:
            '1 while a Talaria lets devices in. The list of Petasos is stale while NATS is away or nobody renews: it goes on with it.',
          unit: 'none',
          queries: [
            ['xmidt_talaria_gate_open', 'gate of {{instance}}'],
            ['max(xmidt_petasos_talarias_stale)', 'list is stale'],
          ],
        },
        {
          title: 'Tokens',
          description:
            'What Themis issues, and what it refuses. Devices without a token do not get further.',
          unit: 'reqps',
          queries: [
            [
              'sum by (kind) (rate(xmidt_themis_tokens_issued_total[$__rate_interval]))',
              '{{kind}}',
            ],
            [
              'sum by (reason) (rate(xmidt_themis_requests_refused_total[$__rate_interval]))',
              'refused: {{reason}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'How are the processes?',
      panels: [
        {
          title: 'CPU',
          description:
            'In cores, by instance. Node uses one for its work: near 1 it is at its end.',
          unit: 'none',
          queries: [['rate(process_cpu_seconds_total[$__rate_interval])', '{{job}} {{instance}}']],
        },
        {
          title: 'Memory',
          description:
            'Grows with devices and is flat otherwise. A slope that never ends is a leak.',
          unit: 'bytes',
          queries: [['process_resident_memory_bytes', '{{job}} {{instance}}']],
        },
        {
          title: 'Event loop, 99th percentile',
          description:
            'How long something waits for its turn. Above 0.1 s commands and pings suffer.',
          unit: 's',
          queries: [['nodejs_eventloop_lag_p99_seconds', '{{job}} {{instance}}']],
        },
        {
          title: 'Unexpected errors',
          description:
            'Zero. Each ended one device, webhook, caller or connection only; the log has it, with what it was about.',
          unit: 'short',
          queries: [
            ['sum by (kind) (increase(xmidt_talaria_faults_total[1h]))', 'talaria {{kind}}'],
            ['sum by (kind) (increase(xmidt_scytale_faults_total[1h]))', 'scytale {{kind}}'],
            ['sum by (kind) (increase(xmidt_caduceus_faults_total[1h]))', 'caduceus {{kind}}'],
            ['sum by (kind) (increase(xmidt_petasos_faults_total[1h]))', 'petasos {{kind}}'],
          ],
        },
        {
          title: 'Connections dropped',
          description:
            'limit: the port has all that it may (…_CONNECTIONS_MAX), so add instances. files: the process can open no more.',
          unit: 'short',
          queries: [
            [
              'sum by (reason) (increase(xmidt_talaria_connections_dropped_total[1h]))',
              'talaria {{reason}}',
            ],
            [
              'sum by (reason) (increase(xmidt_petasos_connections_dropped_total[1h]))',
              'petasos {{reason}}',
            ],
            [
              'sum by (reason) (increase(xmidt_scytale_connections_dropped_total[1h]))',
              'scytale {{reason}}',
            ],
            [
              'sum by (reason) (increase(xmidt_caduceus_connections_dropped_total[1h]))',
              'caduceus {{reason}}',
            ],
            [
              'sum by (reason) (increase(xmidt_themis_connections_dropped_total[1h]))',
              'themis {{reason}}',
            ],
          ],
        },
        {
          title: 'Connections to NATS that are away',
          description: 'Zero. What nats-server refuses an app is a mistake in its permissions.',
          unit: 'none',
          queries: [
            ['count(xmidt_talaria_nats_connected == 0) or vector(0)', 'talaria'],
            ['count(xmidt_scytale_nats_connected == 0) or vector(0)', 'scytale'],
            ['count(xmidt_petasos_nats_connected == 0) or vector(0)', 'petasos'],
            ['count(xmidt_caduceus_nats_connected == 0) or vector(0)', 'caduceus'],
            ['sum(rate(xmidt_talaria_nats_refused_total[$__rate_interval]))', 'refused to talaria'],
            ['sum(rate(xmidt_scytale_nats_refused_total[$__rate_interval]))', 'refused to scytale'],
            [
              'sum(rate(xmidt_caduceus_nats_refused_total[$__rate_interval]))',
              'refused to caduceus',
            ],
          ],
        },
      ],
    },
  ],
}
