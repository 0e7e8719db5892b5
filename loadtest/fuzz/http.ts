/** Scytale, Caduceus, Themis and Petasos under attack, over a nats-server and a Talaria of their own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf } from '#tests/support/caller.ts'
import { answerCommands } from './live/honest-device.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { createHttpCases } from './cases/http.ts'
import type { RequestCase } from './cases/requests.ts'
import { exchange } from './live/exchange.ts'
import { startFuzzed, type FuzzedProcess } from './live/process.ts'
import { FindingError, type FuzzTarget } from './live/target.ts'

/** Requests at once. */
const LANES = 24

const CALLER = 'caller:secret'
const DEVICE_ID = 'mac:fd0000000001'

/** The definite ones from 500 on, by who may answer with them. A 500 is nobody's. */
const DEFINITE: Readonly<Record<string, readonly number[]>> = {
  scytale: [502, 503, 504],
  caduceus: [501, 503],
  petasos: [503],
}

/** Starts them. */
export async function startHttpTarget(logFile?: string): Promise<FuzzTarget<RequestCase>> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startTestNats())
  const directory = await mkdtemp(join(tmpdir(), 'xmidt-fuzz-'))
  starting.defer(() => rm(directory, { recursive: true, force: true }))
  const apps = ['themis', 'petasos', 'scytale', 'caduceus'] as const
  const urls = new Map<string, string>()
  const attacked: FuzzedProcess[] = []
  for (const app of apps) {
    const prefix = app.toUpperCase()
    const environment: Record<string, string> = {
      [`${prefix}_PORT`]: '0',
      ...(app === 'themis'
        ? {
            THEMIS_KEY_FILE: join(directory, 'key.pem'),
            THEMIS_CALLER_CREDENTIALS: CALLER,
            THEMIS_OPEN: 'true',
          }
        : { NATS_URL: nats.urlOf(app) }),
      ...(app === 'scytale' && {
        SCYTALE_JWKS_URL: `${urls.get('themis')}/keys`,
        SCYTALE_BASIC_CREDENTIALS: CALLER,
        SCYTALE_DEVICE_TIMEOUT_MS: '200',
      }),
      ...(app === 'caduceus' && {
        CADUCEUS_JWKS_URL: `${urls.get('themis')}/keys`,
        CADUCEUS_BASIC_CREDENTIALS: CALLER,
        CADUCEUS_SECRET_KEYS: `fuzz:${Buffer.alloc(32, 7).toString('base64')}`,
        CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8',
        CADUCEUS_HTTP_ALLOWED: 'true',
        CADUCEUS_RETRY_DELAYS_MS: '60000',
        CADUCEUS_OWNER_CHANGES_PER_MINUTE: '1000000000',
        // Each is a durable of nats-server's, which is not what is attacked.
        CADUCEUS_OWNER_WEBHOOKS_MAX: '40',
      }),
    }
    const running = starting.use(await startFuzzed(app, environment, logFile))
    attacked.push(running)
    urls.set(app, running.url)
    urls.set(`${app} operations`, running.operationsUrl)
  }
  const talaria = starting.use(
    await startAppProcess('talaria', {
      NATS_URL: nats.urlOf('talaria'),
      TALARIA_PORT: '0',
      TALARIA_OPERATIONS_PORT: '0',
      TALARIA_OPEN: 'true',
      TALARIA_JWKS_URL: `${urls.get('themis')}/keys`,
    }),
  )
  starting.use(await answerCommands(talaria.url, DEVICE_ID))
  const authorization = basicOf(CALLER)
  const issued = await fetch(`${urls.get('themis')}/issue`, { headers: { authorization } })
  const bearer = `Bearer ${await issued.text()}`
  const running = starting.move()
  return {
    processes: attacked,
    lanes: LANES,
    round: 1_024,
    makeCase: createHttpCases({ authorization, bearer, deviceId: DEVICE_ID }),
    async put({ server, bytes, isCut }) {
      const { status, isTimeout, head } = await exchange(urls.get(server) ?? '', bytes, { isCut })
      if (isTimeout) throw new FindingError('no answer')
      if (status === undefined) return 'closed'
      if (status >= 500 && !(DEFINITE[server] ?? []).includes(status)) {
        throw new FindingError(`answered with ${head}`)
      }
      return String(status)
    },
    async settle() {
      for (const app of apps) {
        const { ok } = await fetch(`${urls.get(`${app} operations`)}/readyz`)
        if (!ok) throw new FindingError(`${app} is not ready any more`)
      }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
