/** Commands: from a caller's request to the device's answer. */
import type { Dashboard } from './dashboard.ts'

/** What callers ask. */
export const commands: Dashboard = {
  uid: 'commands',
  title: 'commands',
  description: 'From the request of a caller at Scytale to the answer of the device.',
  rows: [
    {
      question: 'Do callers get answers?',
      panels: [
        {
          title: 'Requests by status',
          description:
            '404: the device is not connected, which is normal. 503: the fabric. 504: the device was too slow.',
          unit: 'reqps',
          queries: [
            ['sum by (code) (rate(xmidt_scytale_requests_total[$__rate_interval]))', '{{code}}'],
          ],
        },
        {
          title: 'What became of what was sent',
          description:
            'answered and no-responders are healthy. disconnected: NATS was lost on the way. no-receipt: a Talaria that does not move. unsettled: a Talaria of the list does not answer, so nobody is said to be away.',
          unit: 'reqps',
          queries: [
            [
              'sum by (kind, outcome) (rate(xmidt_scytale_commands_total[$__rate_interval]))',
              '{{kind}} {{outcome}}',
            ],
          ],
        },
        {
          title: 'Share of requests with 5xx',
          description: 'Near zero. 504 of single devices is theirs; all of them is ours.',
          unit: 'percentunit',
          queries: [
            [
              'sum(rate(xmidt_scytale_requests_total{code=~"5.."}[$__rate_interval])) / sum(rate(xmidt_scytale_requests_total[$__rate_interval]))',
              '5xx',
            ],
          ],
          mayBeEmpty: 'nothing has had 5xx',
        },
      ],
    },
    {
      question: 'How fast?',
      panels: [
        {
          title: 'Requests',
          description: 'From the head of a request to its answer, the device included.',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.5, sum by (le, route) (rate(xmidt_scytale_request_duration_seconds_bucket[$__rate_interval])))',
              '{{route}} half',
            ],
            [
              'histogram_quantile(0.99, sum by (le, route) (rate(xmidt_scytale_request_duration_seconds_bucket[$__rate_interval])))',
              '{{route}} 99 of 100',
            ],
          ],
        },
        {
          title: 'Commands',
          description:
            'The part of it in NATS, Talaria and the device. The difference to the requests is Scytale itself.',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.99, sum by (le, kind) (rate(xmidt_scytale_command_duration_seconds_bucket[$__rate_interval])))',
              '{{kind}} 99 of 100',
            ],
          ],
        },
        {
          title: 'Requests under way',
          description: 'At the limit of an instance further ones get 503: add one.',
          unit: 'short',
          queries: [['sum by (instance) (xmidt_scytale_requests_in_flight)', '{{instance}}']],
        },
      ],
    },
    {
      question: 'What is refused, and by whom?',
      panels: [
        {
          title: 'By Scytale',
          description:
            'Before anything was sent: credentials, capabilities and partners of callers, or a body that is none.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_scytale_requests_refused_total[$__rate_interval]))',
              '{{reason}}',
            ],
            [
              'sum by (reason) (rate(xmidt_scytale_checks_monitored_total[$__rate_interval]))',
              'only monitored: {{reason}}',
            ],
          ],
        },
        {
          title: 'By Talaria',
          description:
            'queue-full: the device does not read. deadline and device-closed: it did not answer or went away meanwhile.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_talaria_commands_refused_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'At the device',
          description:
            'What became of commands that were written to devices, and receipts for those that take longer.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_talaria_commands_total[$__rate_interval]))',
              '{{outcome}}',
            ],
            ['sum(rate(xmidt_talaria_receipts_total[$__rate_interval]))', 'receipts'],
            [
              'sum(rate(xmidt_scytale_answers_unreadable_total[$__rate_interval]))',
              'answers that are no WRP',
            ],
          ],
        },
      ],
    },
  ],
}
