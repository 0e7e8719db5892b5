/** Events: from the device's frame to the streams of events. */
import type { Dashboard } from './dashboard.ts'

/** What devices send. */
export const events: Dashboard = {
  uid: 'events',
  title: 'events',
  description: 'From the frame of a device to the streams EVENTS and EVENTS_LOW.',
  rows: [
    {
      question: 'Do events get into the streams?',
      panels: [
        {
          title: 'Events stored',
          description:
            'The rate of the fleet, of both streams. A fall to zero with devices connected is an incident.',
          unit: 'reqps',
          queries: [
            [
              'sum by (kind) (rate(xmidt_talaria_events_stored_total[$__rate_interval]))',
              '{{kind}}',
            ],
          ],
        },
        {
          title: 'Publishes that JetStream did not acknowledge',
          description:
            'Zero, but for seconds around the loss of a nats-server. Each is tried again; what is left over is dropped and told.',
          unit: 'reqps',
          queries: [
            ['sum(rate(xmidt_talaria_event_store_failures_total[$__rate_interval]))', 'failed'],
            ['sum(rate(xmidt_talaria_event_retries_total[$__rate_interval]))', 'tried again'],
          ],
        },
        {
          title: 'Acknowledgements to devices',
          description:
            'Of qos 25 and more, so of EVENTS: not-stored tells a device to send again: the event is not lost, it is late.',
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_talaria_acknowledgements_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'How fast?',
      panels: [
        {
          title: 'Time until an event is stored',
          description:
            'Milliseconds. A slow disk or a far replica of the nats-servers shows here first.',
          unit: 's',
          queries: [
            [
              'histogram_quantile(0.5, sum by (le) (rate(xmidt_talaria_event_store_duration_seconds_bucket[$__rate_interval])))',
              'half',
            ],
            [
              'histogram_quantile(0.99, sum by (le) (rate(xmidt_talaria_event_store_duration_seconds_bucket[$__rate_interval])))',
              '99 of 100',
            ],
          ],
        },
        {
          title: 'Events that await their storing',
          description: 'Near zero. It piles up when JetStream is slower than the devices.',
          unit: 'short',
          queries: [['sum by (instance) (xmidt_talaria_events_in_flight)', '{{instance}}']],
        },
        {
          title: 'Devices not read from',
          description:
            'How often reading was paused as too much of a device was under way. One device: it floods. All: JetStream is slow.',
          unit: 'reqps',
          queries: [
            [
              'sum by (instance) (rate(xmidt_talaria_reading_pauses_total[$__rate_interval]))',
              '{{instance}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'What is dropped?',
      panels: [
        {
          title: 'Frames dropped',
          description:
            'not-stored, not-stored-low (not acknowledged, so lost) and window-full are ours. The others are devices that send what is no WRP or not theirs: a new firmware, or an attack.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_talaria_frames_dropped_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Online and offline events dropped',
          description: 'Zero: whoever follows the presence of devices misses one.',
          unit: 'reqps',
          queries: [
            [
              'sum by (reason) (rate(xmidt_talaria_sessions_left_total[$__rate_interval]))',
              '{{reason}}',
            ],
          ],
        },
        {
          title: 'Events from elsewhere',
          description: "What comes by Caduceus' intake, and what it refuses.",
          unit: 'reqps',
          queries: [
            [
              'sum by (outcome) (rate(xmidt_caduceus_notifications_total[$__rate_interval]))',
              '{{outcome}}',
            ],
          ],
        },
      ],
    },
    {
      question: 'How much do the streams hold?',
      panels: [
        {
          title: 'Streams of events, of their caps',
          description:
            'At 100 % the oldest events of that stream go before their six hours, and none of the other.',
          unit: 'percentunit',
          queries: [
            [
              'xmidt_nats_stream_bytes{stream=~"EVENTS|EVENTS_LOW"} / xmidt_nats_stream_bytes_max',
              '{{stream}}',
            ],
          ],
        },
        {
          title: 'Age of the oldest event',
          description:
            'How long a webhook may be away without losing events of EVENTS, and those of low qos of EVENTS_LOW.',
          unit: 's',
          queries: [
            [
              'time() - max by (stream) (xmidt_nats_stream_oldest_timestamp_seconds{stream=~"EVENTS|EVENTS_LOW"})',
              'oldest in {{stream}}',
            ],
            [
              'max by (stream) (xmidt_nats_stream_age_max_seconds{stream=~"EVENTS|EVENTS_LOW"})',
              'kept for in {{stream}}',
            ],
          ],
        },
      ],
    },
  ],
}
