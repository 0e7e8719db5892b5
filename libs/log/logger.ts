/**
 * One logger an app: JSON lines, the message a short constant phrase, the facts as fields.
 * Who builds a logger decides where it writes; nothing here reads the environment.
 */
import { pino, type DestinationStream, type Logger } from 'pino'
import { escapeUnseen } from './unseen.ts'

export type { Logger } from 'pino'

/** Fields whose value is never written, wherever they turn up: they open doors or are private. */
const REDACTED_PATHS = ['authorization', 'token', 'secret', 'password', 'payload'].flatMap(
  (name) => [name, `*.${name}`, `*.*.${name}`],
)

/** What {@link createLogger} may be told. */
export interface LoggerOptions {
  /** The least severe level that is written. */
  level: string
  /** Where the lines go; stdout when absent. */
  destination?: DestinationStream
}

/** A logger whose every line names `app`. */
export function createLogger(app: string, { level, destination }: LoggerOptions): Logger {
  const options = {
    level,
    base: { app },
    redact: { paths: REDACTED_PATHS, censor: '[redacted]' },
    // A word is what a person greps for at three in the morning, and the time as one reads it.
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  }
  const out = destination ?? pino.destination({ dest: process.stdout.fd, sync: true })
  // JSON escapes what its own rules ask for, which leaves orders that terminals know: people read logs.
  return pino(options, { write: (line) => out.write(`${escapeUnseen(line.trimEnd())}\n`) })
}
