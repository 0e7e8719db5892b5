/** What the exporter can be told. It asks nats-servers by HTTP and has no connection to NATS. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { bytes, durationMs, host, list, port } from '#libs/config/fields.ts'

/** The exporter's environment. */
export const exporterEnv = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  EXPORTER_HOST: host('Where health and metrics are.'),
  EXPORTER_OPERATIONS_PORT: port('The port of health and metrics; there is no other.', 6601),
  EXPORTER_NATS_URLS: list('The monitoring ports (`http:`) of all nats-servers.', [
    'http://127.0.0.1:8222',
  ])
    .refine(
      (urls) =>
        urls.length > 0 &&
        urls.every((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)),
      'must be at least one URL, each with http: or https:',
    )
    .meta({ description: 'The monitoring ports (`http:`) of all nats-servers.', kind: 'list' }),
  EXPORTER_POLL_MS: durationMs(
    'How often the servers are asked; a server works for each answer, some milliseconds with a thousand webhooks.',
    10_000,
    { minMs: 50 },
  ),
  EXPORTER_ANSWER_MS: durationMs('How long a server may take before it counts as away.', 5_000, {
    minMs: 50,
  }),
  EXPORTER_ANSWER_BYTES_MAX: bytes(
    'The largest answer that is read: some 700 bytes for each webhook, so that five thousand have room many times.',
    32 * 1_048_576,
  ),
})

/** The exporter's configuration, as {@link exporterEnv} reads it. */
export type ExporterConfig = Readonly<z.infer<typeof exporterEnv>>
