/** The variables that every app reads. */
import { choice, durationMs, integer, secret, text } from './fields.ts'
import { tracingFields } from './tracing.ts'

/** Spread into each app's own schema. */
export const commonFields = {
  NATS_URL: secret(
    'NATS servers, comma separated; a user and password may be part of each URL.',
    'nats://127.0.0.1:4222',
  ),
  NATS_CA_FILE: text(
    "Who signed the NATS servers' certificates, a PEM file; with it every connection is encrypted. " +
      "Without it and with tls:// in NATS_URL the system's own authorities count.",
    '',
  ),
  LOG_LEVEL: choice(
    'The least severe log line that is written.',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
  ),
  CONNECTIONS_MAX: integer(
    'How many connections the primary port holds; further ones are closed at once. 0, and whatever ' +
      'is more, is nine tenths of the files that the process may open (`ulimit -n`).',
    0,
  ),
  SHUTDOWN_MS: durationMs(
    'How long an orderly end may take before the process is ended anyway; below the 30 s that ' +
      'container runtimes usually wait before they kill.',
    25_000,
    { minMs: 100 },
  ),
  ...tracingFields,
}

/** What a connection to NATS is told of the configuration. */
export const natsOf = (config: {
  readonly NATS_URL: string
  readonly NATS_CA_FILE: string
}): { url: string; caFile: string } => ({ url: config.NATS_URL, caFile: config.NATS_CA_FILE })
