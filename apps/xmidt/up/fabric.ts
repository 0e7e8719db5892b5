/**
 * Every part of the fabric in this process, each started as its own `main.ts` would start it: from
 * the environment's form of its configuration. The order is the one in which they need each other;
 * the end is the same order backwards.
 */
import { start as startCaduceus } from '#apps/caduceus/app.ts'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { start as startPetasos } from '#apps/petasos/app.ts'
import { petasosEnv } from '#apps/petasos/config.ts'
import { start as startScytale } from '#apps/scytale/app.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { start as startTalaria } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { start as startThemis } from '#apps/themis/app.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { OPERATOR } from '#apps/xmidt/access.ts'
import { tracingEnvironment } from '#apps/xmidt/tracing.ts'
import type { Credentials } from '#apps/xmidt/workspace.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { UserName } from '#nats/permissions.ts'
import type { Narrator } from './narration.ts'
import { portOf, type Part, type Ports } from './ports.ts'

/** Only the demonstration delivers to this machine; everywhere else private addresses are refused. */
const LOOPBACK = '127.0.0.0/8,::1/128'

/** How long Talaria may take to close its devices at the end: Ctrl-C ends all within 5 s. */
const DRAIN_MS = 500

/** And how long for events whose acknowledgement was lost with a nats-server. */
const SETTLE_MS = 1_500

/** What {@link startFabric} needs. */
export interface FabricOptions {
  /** Where a part connects as its own user of NATS. */
  natsUrlOf: (user: UserName) => string
  ports: Ports
  talariaCount: number
  credentials: Credentials
  keyFile: string
  narrator: Narrator
}

/** The running fabric, by what its parts are called. */
export interface Fabric extends AsyncDisposable {
  themis: App
  talarias: App[]
  petasos: App
  scytale: App
  caduceus: App
}

/** Starts themis, the talarias, petasos, scytale and caduceus. @throws what a part throws at start. */
export async function startFabric(options: FabricOptions): Promise<Fabric> {
  const { credentials, narrator } = options
  await using starting = new AsyncDisposableStack()
  const operator = `${OPERATOR}:${credentials.operator}`
  const themis = starting.use(
    await startThemis(
      loadConfig(themisEnv, {
        ...listen(options, 'THEMIS', 'themis'),
        THEMIS_KEY_FILE: options.keyFile,
        THEMIS_CALLER_CREDENTIALS: operator,
        THEMIS_DEVICE_CREDENTIALS: `device:${credentials.device}`,
      }),
      narrator.loggerOf('themis', 'themis'),
    ),
  )
  const jwksUrl = `${themis.url}/.well-known/jwks.json`
  const talarias = starting.use(await startTalarias(options, jwksUrl))
  const petasos = starting.use(
    await startPetasos(
      loadConfig(petasosEnv, listen(options, 'PETASOS', 'petasos')),
      narrator.loggerOf('petasos', 'petasos'),
    ),
  )
  const scytale = starting.use(
    await startScytale(
      loadConfig(scytaleEnv, {
        ...listen(options, 'SCYTALE', 'scytale'),
        SCYTALE_JWKS_URL: jwksUrl,
        SCYTALE_BASIC_CREDENTIALS: operator,
      }),
      narrator.loggerOf('scytale', 'scytale'),
    ),
  )
  const caduceus = starting.use(
    await startCaduceus(
      loadConfig(caduceusEnv, {
        ...listen(options, 'CADUCEUS', 'caduceus'),
        CADUCEUS_JWKS_URL: jwksUrl,
        CADUCEUS_BASIC_CREDENTIALS: operator,
        CADUCEUS_SECRET_KEYS: `start:${credentials.webhookKey}`,
        CADUCEUS_ADDRESSES_ALLOWED: LOOPBACK,
        CADUCEUS_HTTP_ALLOWED: 'true',
      }),
      narrator.loggerOf('caduceus', 'caduceus'),
    ),
  )
  const running = starting.move()
  return {
    themis,
    talarias: talarias.apps,
    petasos,
    scytale,
    caduceus,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The Talarias, ended together: each may take its seconds to finish what it owes. */
async function startTalarias(
  options: FabricOptions,
  jwksUrl: string,
): Promise<AsyncDisposable & { apps: App[] }> {
  const apps: App[] = []
  await using starting = new AsyncDisposableStack()
  starting.defer(async () => {
    await Promise.all(apps.map((app) => app[Symbol.asyncDispose]()))
  })
  for (let index = 0; index < options.talariaCount; index += 1) {
    const name = `talaria-${index + 1}`
    const config = loadConfig(talariaEnv, {
      ...listen(options, 'TALARIA', 'talaria', index),
      TALARIA_ID: name,
      TALARIA_JWKS_URL: jwksUrl,
      TALARIA_OPERATIONS_CREDENTIALS: `${OPERATOR}:${options.credentials.operator}`,
      TALARIA_DRAIN_MS: String(DRAIN_MS),
      TALARIA_SETTLE_MS: String(SETTLE_MS),
    })
    apps.push(await startTalaria(config, options.narrator.loggerOf(name, 'talaria')))
  }
  const running = starting.move()
  return { apps, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** What every part is told: where NATS is, if it uses it, where it listens and where traces go. */
function listen(
  { natsUrlOf, ports }: FabricOptions,
  app: string,
  part: Part & (UserName | 'themis'),
  index = 0,
): Record<string, string> {
  return {
    ...tracingEnvironment(process.env),
    ...(part !== 'themis' && { NATS_URL: natsUrlOf(part) }),
    [`${app}_PORT`]: String(portOf(ports, part, index)),
    [`${app}_OPERATIONS_PORT`]: String(portOf(ports, part, index) + 1),
  }
}
