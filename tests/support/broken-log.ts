/**
 * A log of which some lines cannot be written, as when its disk is full: what writes such a line
 * throws there. Every part of an app writes one somewhere, so each can be made to fail.
 */
import { createLogger, type Logger } from '#libs/log/logger.ts'

/** The log. */
export interface BrokenLog {
  readonly log: Logger
  /** From now on lines with one of these messages cannot be written, if they contain `text`. */
  breakAt(messages: readonly string[], text?: string): void
  /** From now on every line can be. */
  mend(): void
}

/** A log that works so far. */
export function createBrokenLog(app: string): BrokenLog {
  let messages: readonly string[] = []
  let text = ''
  const write = (line: string): void => {
    const { msg } = JSON.parse(line) as { msg: string }
    if (messages.includes(msg) && line.includes(text)) throw new Error('no room for the log')
  }
  return {
    log: createLogger(app, { level: 'debug', destination: { write } }),
    breakAt(these, within = '') {
      messages = these
      text = within
    },
    mend() {
      messages = []
    },
  }
}
