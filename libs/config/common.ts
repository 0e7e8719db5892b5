/** The variables that every app reads. */
import { choice, durationMs, secret } from './fields.ts'

/** Spread into each app's own schema. */
export const commonFields = {
  NATS_URL: secret(
    'NATS servers, comma separated; a user and password may be part of each URL.',
    'nats://127.0.0.1:4222',
  ),
  LOG_LEVEL: choice(
    'The least severe log line that is written.',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'info',
  ),
  SHUTDOWN_MS: durationMs(
    'How long an orderly end may take before the process is ended anyway; below the 30 s that ' +
      'container runtimes usually wait before they kill.',
    25_000,
    { minMs: 100 },
  ),
}
