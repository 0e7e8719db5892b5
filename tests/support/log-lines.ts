/** What the apps of a test write into their logs, as whoever collects them gets it. */
import { createLogger, type Logger } from '#libs/log/logger.ts'

/** One line, with the app that wrote it. */
export type LogLine = Record<string, unknown> & { app: string; msg: string }

/** The lines of several apps. */
export interface LogLines {
  readonly lines: readonly LogLine[]
  /** A logger whose lines are kept, from `debug` on. */
  loggerOf: (app: string) => Logger
}

/** No lines yet. */
export function keepLogLines(): LogLines {
  const lines: LogLine[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as LogLine)
  return { lines, loggerOf: (app) => createLogger(app, { level: 'debug', destination: { write } }) }
}
