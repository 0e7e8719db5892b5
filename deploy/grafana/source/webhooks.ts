/** Webhooks: from the streams of events to the receivers. */
import type { Dashboard } from './dashboard.ts'

/** What receivers get. */
export const webhooks: Dashboard = {
  uid: 'webhooks',
  title: 'webhooks',
  description: 'From the streams EVENTS and EVENTS_LOW to the receivers.',
  rows: [
    {
      question: 'Who is behind?',
      panels: [
        {
          title: 'Webhooks',
          description:
            'Registered and not expired; the same in every instance. A fall means that owners do not renew.',
          unit: 'none',
          queries: [['max(xmidt_caduceus_webhooks)', 'webhooks']],
        },
        {
          title: 'Events that wait, the ten largest',
          description:
            'Of each webhook, in both streams. Near zero. One line that grows is a receiver that is slow or away: only it is hurt. All lines growing is Caduceus.',
          unit: 'short',
          queries: [
            [
              'topk(10, sum by (consumer) (max by (consumer, stream) (xmidt_nats_consumer_pending{stream=~"EVENTS|EVENTS_LOW"})))',
              '{{consumer}}',
            ],
          ],
        },
        {
          title: 'Delivered and not acknowledged, the ten largest',
          description:
            'In hand or waiting for a retry, of EVENTS or EVENTS_LOW, whichever is more. At 1,000 a webhook gets nothing new of that stream until some are settled.',
          unit: 'short',
          queries: [
            [
              'topk(10, max by (consumer) (xmidt_nats_consumer_ack_pending{stream=~"EVENTS|EVENTS_LOW"}))',
              '{{consumer}}',
            ],
          ],
        },
        {
          title: 'Age of the oldest unacknowledged event, the ten largest',
          description:
            'Seconds. Minutes are a receiver that is away or an event that waits for a retry; six hours are a loss. The id is that of the registration.',
          unit: 's',
          queries: [
            ['topk(10, max by (webhook) (xmidt_caduceus_webhook_oldest_seconds))', '{{webhook}}'],
          ],
        },
        {
          title: 'Never given out, the ten largest',
          description:
            'What waits in both streams for a webhook, whether or not its patterns match; by registration.',
          unit: 'short',
          queries: [
            ['topk(10, max by (webhook) (xmidt_caduceus_webhook_backlog_events))', '{{webhook}}'],
          ],
        },
        {
          title: 'Place in each stream, the ten lowest',
          description:
            '100 %: all is acknowledged up to the newest event. Towards 0 % the oldest events are about to be taken by retention, acknowledged ones in EVENTS and those of low qos in EVENTS_LOW.',
          unit: 'percentunit',
          queries: [
            [
              'bottomk(10, (xmidt_nats_consumer_ack_floor_sequence{stream=~"EVENTS|EVENTS_LOW"} - on (instance, stream) group_left () xmidt_nats_stream_first_sequence) / on (instance, stream) group_left () (xmidt_nats_stream_last_sequence - xmidt_nats_stream_first_sequence))',
              '{{consumer}} in {{stream}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'Do receivers take what they get?',
      panels: [
        {
          title: 'Attempts',
          description:
            'delivered is success. rejected and failed are what receivers answered; timed-out and unreachable, that they did not.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_caduceus_attempts_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
        {
          title: 'How long attempts take',
          description: 'The slowest receivers are the 99. At ten seconds an attempt is given up.',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.5, sum by (le) (rate(xmidt_caduceus_attempt_duration_seconds_bucket[$__rate_interval])))',
              'half',
            ],
            [
              'histogram_quantile(0.99, sum by (le) (rate(xmidt_caduceus_attempt_duration_seconds_bucket[$__rate_interval])))',
              '99 of 100',
            ],
          ],
        },
        {
          title: 'Attempts under way',
          description: 'Grows with slow receivers, each up to its concurrency.',
          unit: 'short',
          queries: [['sum by (instance) (xmidt_caduceus_attempts_in_flight)', '{{instance}}']],
        },
        {
          title: 'Events read',
          description:
            'matched are meant for the webhook; the others were passed by. Much passed by is a pattern that is too wide for a filter.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_caduceus_events_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'What do they not get?',
      panels: [
        {
          title: 'Put off',
          description: 'Deliveries that wait for a later attempt.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_caduceus_delivery_retries_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Given up',
          description: 'Dead letters, kept for seven days. Their owners should know.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_caduceus_dead_letters_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Waiting for a retry, the ten largest',
          description:
            'Events that failed and are tried again; the same in every instance, and right after a restart.',
          unit: 'short',
          queries: [
            [
              'topk(10, max by (webhook) (xmidt_caduceus_webhook_events{state="waiting"}))',
              '{{webhook}}',
            ],
          ],
        },
        {
          title: 'Lost',
          description:
            'retention: zero, always. retention-low: of low qos, which is not promised. expired: what waited for webhooks that ran out. Header lines had no room.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_caduceus_events_dropped_total[$__rate_interval]))',
              '{{reason}}',
            ],
            [
              'sum(rate(xmidt_caduceus_header_lines_dropped_total[$__rate_interval]))',
              'header lines',
            ],
          ],
        },
      ],
    },
    {
      question: 'What do owners do?',
      panels: [
        {
          title: 'Registrations',
          description:
            'Each webhook is renewed before it runs out. invalid is a mistake of an owner, owner-… a limit of his; webhooks-max is our limit.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_caduceus_registrations_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
        {
          title: 'Cut off',
          description:
            'expired and backlog are told to owners; unusable, consumer-missing and orphan are for us.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_caduceus_webhook_cut_offs_total[$__rate_interval]))',
              '{{reason}}',
            ],
            [
              'sum by (outcome) (rate(xmidt_caduceus_failure_notices_total[$__rate_interval]))',
              'notice {{outcome}}',
            ],
          ],
        },
      ],
    },
  ],
}
