/** The exporter: asks every nats-server how it is, again and again, and shows it to Prometheus. */
import { serveOperations } from '#libs/http/operations.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import { wait } from '#libs/retry/wait.ts'
import type { ServerAnswers } from './answers.ts'
import { askServer } from './ask.ts'
import type { ExporterConfig } from './config.ts'
import { createMetrics } from './metrics.ts'
import { show, type Round } from './show.ts'

/** Starts the exporter; resolves after the first round, whatever the servers said. @throws {PortTakenError}. */
export async function start(
  config: ExporterConfig,
  log = createLogger('exporter', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const metrics = createMetrics()
  const ending = new AbortController()
  const { signal } = ending
  let answering = 0
  const round = async (): Promise<void> => {
    const answers = await askAll(config, signal, log)
    if (signal.aborted) return
    answering = [...answers.values()].filter(Boolean).length
    show(answers, metrics)
  }
  await round()
  const polling = poll(round, config.EXPORTER_POLL_MS, signal)
  starting.defer(async () => {
    ending.abort()
    await polling
  })
  const operations = starting.use(
    await serveOperations({
      hostname: config.EXPORTER_HOST,
      port: config.EXPORTER_OPERATIONS_PORT,
      registry: metrics.registry,
      checks: { servers: () => answering > 0 || 'no nats-server answers' },
    }),
  )
  log.info({ url: operations.url, servers: config.EXPORTER_NATS_URLS }, 'ready')
  const running = starting.move()
  return {
    url: operations.url,
    operationsUrl: operations.url,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function poll(
  round: () => Promise<void>,
  everyMs: number,
  signal: AbortSignal,
): Promise<void> {
  while (await wait(everyMs, signal)) await round()
}

/** All servers at once; one that is away keeps nobody else's answer. Never rejects. */
async function askAll(config: ExporterConfig, signal: AbortSignal, log: Logger): Promise<Round> {
  const answers = await Promise.all(
    config.EXPORTER_NATS_URLS.map(async (url) => {
      const { host } = new URL(url)
      const options = {
        url,
        timeoutMs: config.EXPORTER_ANSWER_MS,
        bytesMax: config.EXPORTER_ANSWER_BYTES_MAX,
        signal,
      }
      const answer = await askServer(options).catch((error: unknown) => {
        if (!signal.aborted) log.warn({ server: host, error: String(error) }, 'no answer')
        return undefined
      })
      return [host, answer] as [string, ServerAnswers | undefined]
    }),
  )
  return new Map(answers)
}
