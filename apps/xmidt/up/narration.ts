/**
 * What `up` tells while the fabric runs: the apps' own log lines, the few that tell the story as a
 * sentence each, warnings as they are, and all of them as JSON in a file per part.
 */
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { cyan, dim, timeOfDay, yellow } from '#apps/xmidt/terminal.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { escapeUnseen } from '#libs/log/unseen.ts'

/** One log line, read. */
type Line = Record<string, unknown>

/** The width of the column that says who speaks: a device id fits. */
const WHO_WIDTH = 18

/** What the log lines that tell the story become; all others are only in the files. */
const SENTENCES: Record<string, (line: Line, nameOf: (address: string) => string) => string> = {
  'credential obtained': () => 'got its credential from Themis',
  redirected: (line, nameOf) => `sent by Petasos to ${nameOf(text(line.talaria))}`,
  connected: (line, nameOf) => `connected to ${nameOf(text(line.talaria))}`,
  'connection lost': (line) => `lost its connection (${text(line.reason)}), connecting again`,
  'service registered': (line) => `local service "${text(line.service)}" registered`,
  'nats reconnected': () => 'has NATS again',
}

/** Tells the story and keeps the logs. Disposing it closes the files. */
export interface Narrator extends AsyncDisposable {
  /** A line of the story. */
  say(who: string, what: string): void
  /** Says the name of a part instead of its address from now on, as `talaria-1` for `127.0.0.1:6200`. */
  nameAddress(address: string, name: string): void
  /** Ends the story: while everything ends each part sees others go, which is no news. */
  fallSilent(): void
  /** The logger of one part; `who` names it in the story and its file. */
  loggerOf(who: string, app: string): Logger
}

/** A narrator that writes the story to stdout and the logs to `logDirectory`. */
export function createNarrator(logDirectory: string): Narrator {
  const files: Disposable[] = []
  const names = new Map<string, string>()
  const nameOf = (address: string): string => names.get(address) ?? address
  let isSilent = false
  const say = (who: string, what: string): void => {
    if (isSilent) return
    const name = escapeUnseen(who).padEnd(WHO_WIDTH)
    process.stdout.write(`${dim(timeOfDay())}  ${cyan(name)}  ${what}\n`)
  }
  return {
    say,
    nameAddress: (address, name) => void names.set(address, name),
    fallSilent() {
      isSilent = true
    },
    loggerOf(who, app) {
      const file = createWriteStream(join(logDirectory, `${who.replaceAll(':', '-')}.log`), {
        flags: 'w',
      })
      // A full disk must not end the fabric: the story goes on without the file.
      file.on('error', () => undefined)
      files.push({ [Symbol.dispose]: () => file.end() })
      const write = (line: string): void => {
        file.write(line)
        const told = tell(JSON.parse(line) as Line, nameOf)
        if (told) say(who, told)
      }
      return createLogger(app, { level: 'info', destination: { write } })
    },
    [Symbol.asyncDispose]() {
      isSilent = true
      for (const file of files) file[Symbol.dispose]()
      return Promise.resolve()
    },
  }
}

/** The sentence for a log line; undefined for one that is not told. */
export function tell(line: Line, nameOf: (address: string) => string): string | undefined {
  const message = text(line.msg)
  const sentence = SENTENCES[message]
  if (sentence) return sentence(line, nameOf)
  if (line.level !== 'warn' && line.level !== 'error' && line.level !== 'fatal') return undefined
  return yellow(`${text(line.level)}: ${message} ${dim(facts(line))}`)
}

/** What a log line says besides its message and what every line has. */
function facts(line: Line): string {
  return Object.entries(line)
    .filter(([name]) => !['level', 'time', 'app', 'msg'].includes(name))
    .map(([name, value]) => `${escapeUnseen(name)}=${text(value)}`)
    .join(' ')
}

/** Names, reasons and errors may be words of a device or a caller. */
const text = (value: unknown): string =>
  escapeUnseen(typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
