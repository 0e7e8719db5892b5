/** The variables of tracing: OpenTelemetry's own, so that an operator finds what he knows. */
import { z } from 'zod'
import { choice, durationMs, flag, integer, secret, text } from './fields.ts'

const urlOrNone = (about: string): z.ZodType<string> => {
  const schema = z
    .string()
    .trim()
    .refine((value) => /^https?:$/.test(URL.parse(value)?.protocol ?? ''), {
      error: 'must be an http or https URL, such as http://127.0.0.1:4318',
    })
    .default('')
  return schema.meta({ description: about, kind: 'URL' })
}

/** A part of {@link commonFields}, apart for the apps that do not take all of those. */
export const tracingFields = {
  OTEL_EXPORTER_OTLP_ENDPOINT: urlOrNone(
    'Where traces are sent by OTLP; `/v1/traces` is added to it. Without it there is no tracing.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: urlOrNone('The same for traces alone, taken as it is.'),
  OTEL_EXPORTER_OTLP_PROTOCOL: choice(
    'How traces are sent; the one way that there is here.',
    ['http/protobuf'],
    'http/protobuf',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: secret(
    'Headers that go with what is sent: `name=value`, comma separated, percent-encoded.',
    '',
  ),
  OTEL_EXPORTER_OTLP_TIMEOUT: durationMs(
    'How long one batch may take to be sent, with all that is tried again.',
    10_000,
    { minMs: 1, maxMs: 60_000 },
  ),
  OTEL_BSP_MAX_QUEUE_SIZE: integer(
    'How many ended spans may wait to be sent; further ones are dropped and counted.',
    2_048,
    { min: 1, max: 1_000_000 },
  ),
  OTEL_BSP_SCHEDULE_DELAY: durationMs('How long ended spans wait for others.', 5_000, {
    minMs: 1,
    maxMs: 60_000,
  }),
  OTEL_TRACES_SAMPLER: choice(
    'Which traces are recorded; `parentbased_…` does what whoever began the trace has decided.',
    [
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
      'always_on',
      'always_off',
      'traceidratio',
    ],
    'parentbased_always_on',
  ),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .trim()
    .transform(Number)
    .pipe(z.number('must be from 0 to 1').min(0).max(1))
    .default(1)
    .meta({
      description: 'The share of traces that a `…traceidratio` records.',
      kind: 'number from 0 to 1',
    }),
  OTEL_SERVICE_NAME: text("The service's name in traces; by default the app's.", ''),
  OTEL_RESOURCE_ATTRIBUTES: text(
    'Further attributes of the service: `key=value`, comma separated, percent-encoded.',
    '',
  ),
  OTEL_SDK_DISABLED: flag('No tracing, whatever else is set.', false),
}

/** What {@link tracingFields} come to. */
export type TracingConfig = Readonly<z.infer<z.ZodObject<typeof tracingFields>>>
