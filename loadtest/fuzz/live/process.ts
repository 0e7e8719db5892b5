/** An app under attack: a process of its own with a probe inside. */
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { startAppProcess, type AppProcess } from '#tests/support/app-process.ts'
import { freePorts } from '#tests/support/free-ports.ts'
import { WITH_COLLECTION, type ProbeLook } from './probe.ts'

/** How long the probe may take to answer on a loaded machine; a loop that is kept longer is hung. */
const LOOK_MS = 30_000

/** A process that is fuzzed. Disposing it kills it. */
export interface FuzzedProcess extends AsyncDisposable {
  readonly app: string
  readonly url: string
  readonly operationsUrl: string
  /** How it ended; undefined while it is alive. */
  readonly end: string | undefined
  /** What its loop did since the last look. @throws when it does not answer. */
  look(options?: { withCollection?: boolean }): Promise<ProbeLook>
  /** What was thrown in it so far where nothing may be: it lives on, as each such place is guarded. */
  faultCount(): Promise<number>
}

/** Starts `apps/<app>/main.ts` with the probe. */
export async function startFuzzed(
  app: string,
  environment: Readonly<Record<string, string>>,
  logFile?: string,
): Promise<FuzzedProcess> {
  const [port = 0, operationsPort = 0] = await freePorts(2)
  const operationsUrl = `http://127.0.0.1:${operationsPort}`
  const running: AppProcess = await startAppProcess(
    app,
    {
      NODE_OPTIONS: `--import=${new URL('./probe.ts', import.meta.url).href}`,
      FUZZ_PROBE_PORT: String(port),
      [`${app.toUpperCase()}_OPERATIONS_PORT`]: String(operationsPort),
      LOG_LEVEL: 'info',
      ...environment,
    },
    { ...(logFile !== undefined && { logFile }), readyMs: 60_000 },
  )
  let end: string | undefined
  void running.ended.then(({ code, signal }) => {
    end = signal ?? `exit code ${code}`
  })
  return {
    app,
    url: running.url,
    operationsUrl,
    get end() {
      return end
    },
    async look({ withCollection = false } = {}) {
      const socket = createConnection({ port, host: '127.0.0.1' })
      socket.setTimeout(LOOK_MS, () => socket.destroy(new Error(`no answer in ${LOOK_MS} ms`)))
      socket.write(withCollection ? WITH_COLLECTION : 'l')
      return JSON.parse(await text(socket)) as ProbeLook
    },
    async faultCount() {
      const page = await (await fetch(`${operationsUrl}/metrics`)).text()
      return page
        .split('\n')
        .filter((line) => line.startsWith(`xmidt_${app}_faults_total{`))
        .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}
