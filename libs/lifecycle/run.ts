/**
 * The life of a process: configuration, start, wait for a signal, an orderly end with a deadline,
 * an exit code. What is started and in which order is the app's own business.
 */
import type { z } from 'zod'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from './app.ts'

/** Exit codes, by which a supervisor can tell what happened. */
const EXIT = { ok: 0, failed: 1, deadlinePassed: 2 } as const

/**
 * Runs one app as this process: reads its configuration from the environment, starts it, and on
 * SIGTERM or SIGINT disposes it within `SHUTDOWN_MS`. Ends the process. A second signal ends it
 * at once. An error that nobody handled ends it too: a process in an unknown state helps nobody,
 * and whoever supervises it starts a sound one.
 */
export async function runApp<S extends z.ZodObject>(
  name: string,
  schema: S,
  start: (config: Readonly<z.infer<S>>) => Promise<App>,
): Promise<void> {
  const fail = (what: string, error: unknown): never => {
    process.stderr.write(`${name}: ${what}${describe(error)}\n`)
    process.exit(EXIT.failed)
  }
  process.on('unhandledRejection', (error) =>
    fail('ended by an unhandled rejection: ', trace(error)),
  )
  process.on('uncaughtException', (error) => fail('ended by an uncaught error: ', trace(error)))

  const stopping = nextSignal()
  let app: App
  let shutdownMs: number
  try {
    const config = loadConfig(schema, process.env)
    shutdownMs = Number(config.SHUTDOWN_MS)
    const started = start(config)
    // A signal during a long start (NATS away) must not wait for it.
    const first = await Promise.race([started, stopping])
    if (first === undefined) return process.exit(EXIT.ok)
    app = first
  } catch (error) {
    return fail('', error)
  }

  await stopping
  setTimeout(() => {
    process.stderr.write(`${name}: not done within SHUTDOWN_MS=${shutdownMs}, ended anyway\n`)
    process.exit(EXIT.deadlinePassed)
  }, shutdownMs).unref()
  try {
    await app[Symbol.asyncDispose]()
  } catch (error) {
    return fail('the end was not orderly: ', error)
  }
  process.exit(EXIT.ok)
}

function nextSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    let seen = 0
    const onSignal = (): void => {
      seen += 1
      if (seen > 1) process.exit(EXIT.failed)
      resolve(undefined)
    }
    process.on('SIGTERM', onSignal)
    process.on('SIGINT', onSignal)
  })
}

/** Errors that are ours say what to do in their message; the stack would only hide it. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? error.message : (error.stack ?? error.message)
}

function trace(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
