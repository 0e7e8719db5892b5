/**
 * The real fabric in this process: each app started by its own `start` with its own configuration
 * on port 0, over a nats-server of the test's own, with real credentials. Disposing it ends all in
 * the opposite order.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start as startCaduceusApp } from '#apps/caduceus/app.ts'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { start as startPetasos } from '#apps/petasos/app.ts'
import { petasosEnv } from '#apps/petasos/config.ts'
import { start as startScytale } from '#apps/scytale/app.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { start as startTalariaApp } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { start as startThemis } from '#apps/themis/app.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger, type Logger } from '#libs/log/logger.ts'
import type { UserName } from '#nats/permissions.ts'
import type { Region } from '#nats/region.ts'
import { basicOf, createCaller, type Caller } from './caller.ts'
import { startTestNats, type TestNats } from './nats.ts'

/** The one caller and the one device credential of a stack. */
export const CALLER_CREDENTIAL = 'operator:operator-secret'
export const DEVICE_CREDENTIAL = 'device:device-secret'

/** Webhook receivers of a test are on this machine. */
const LOOPBACK = '127.0.0.0/8,::1/128'

/** What a test asks for. */
export interface StackOptions {
  talarias?: number
  caduceus?: boolean
  /** It is about what NATS refuses, which else fails a test. */
  expectsRefusals?: boolean
  /** Where its server is one of several that are joined. */
  region?: Region
  /** Further variables for every app, such as shorter times. */
  environment?: Record<string, string>
  /** Where each app writes its log; nowhere unless told. */
  loggerOf?: (app: string) => Logger
}

/** The running fabric. */
export interface Stack extends AsyncDisposable {
  readonly nats: TestNats
  readonly themis: App
  readonly talarias: readonly App[]
  readonly petasos: App
  readonly scytale: App
  readonly caller: Caller
  /** The environment of a Caduceus that belongs to this stack, for one in a process of its own. */
  readonly caduceusEnvironment: Readonly<Record<string, string>>
  /** The same of a Talaria. */
  talariaEnvironment(id: string): Readonly<Record<string, string>>
  /** The same of a Scytale. */
  readonly scytaleEnvironment: Readonly<Record<string, string>>
  /** Undefined when the test asked for none. */
  readonly caduceus: App | undefined
  /** One more Talaria; ends with the stack if not before. */
  startTalaria(id: string): Promise<App>
  /** A token for the stack's caller, as Themis issues it: for every partner. */
  callerToken(): Promise<string>
  /** A token for a device, as Themis issues it. */
  deviceToken(device: string, partner?: string): Promise<string>
}

/** Starts what `options` ask for: themis, talarias (1), petasos, scytale, and caduceus if wanted. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { talarias: talariaCount = 1, environment = {}, loggerOf = logOf } = options
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(
    await startTestNats({
      region: options.region,
      expectsRefusals: options.expectsRefusals === true,
    }),
  )
  const directory = await mkdtemp(join(tmpdir(), 'xmidt-stack-'))
  starting.defer(() => rm(directory, { recursive: true, force: true }))
  const listen = (app: string): Record<string, string> => ({
    ...(app !== 'THEMIS' && { NATS_URL: nats.urlOf(app.toLowerCase() as UserName) }),
    [`${app}_PORT`]: '0',
    [`${app}_OPERATIONS_PORT`]: '0',
    ...environment,
  })
  const themis = starting.use(
    await startThemis(
      loadConfig(themisEnv, {
        ...listen('THEMIS'),
        THEMIS_KEY_FILE: join(directory, 'key.pem'),
        THEMIS_CALLER_CREDENTIALS: CALLER_CREDENTIAL,
        THEMIS_DEVICE_CREDENTIALS: DEVICE_CREDENTIAL,
      }),
      loggerOf('themis'),
    ),
  )
  const jwksUrl = `${themis.url}/.well-known/jwks.json`
  const talariaEnvironment = (id: string): Record<string, string> => ({
    ...listen('TALARIA'),
    TALARIA_ID: id,
    TALARIA_JWKS_URL: jwksUrl,
    TALARIA_OPERATIONS_CREDENTIALS: CALLER_CREDENTIAL,
  })
  const startTalaria = async (id: string): Promise<App> =>
    startTalariaApp(loadConfig(talariaEnv, talariaEnvironment(id)), loggerOf(id))
  const talarias: App[] = []
  for (let index = 1; index <= talariaCount; index += 1) {
    talarias.push(starting.use(await startTalaria(`talaria-${index}`)))
  }
  const petasos = starting.use(
    await startPetasos(loadConfig(petasosEnv, listen('PETASOS')), loggerOf('petasos')),
  )
  const scytaleEnvironment = {
    ...listen('SCYTALE'),
    SCYTALE_JWKS_URL: jwksUrl,
    SCYTALE_BASIC_CREDENTIALS: CALLER_CREDENTIAL,
  }
  const scytale = starting.use(
    await startScytale(loadConfig(scytaleEnv, scytaleEnvironment), loggerOf('scytale')),
  )
  const caduceusEnvironment = {
    ...listen('CADUCEUS'),
    CADUCEUS_JWKS_URL: jwksUrl,
    CADUCEUS_SECRET_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
    CADUCEUS_BASIC_CREDENTIALS: CALLER_CREDENTIAL,
    CADUCEUS_ADDRESSES_ALLOWED: LOOPBACK,
    CADUCEUS_HTTP_ALLOWED: 'true',
  }
  const caduceus = options.caduceus
    ? starting.use(
        await startCaduceusApp(loadConfig(caduceusEnv, caduceusEnvironment), loggerOf('caduceus')),
      )
    : undefined
  const running = starting.move()
  return {
    nats,
    themis,
    talarias,
    petasos,
    scytale,
    caduceus,
    caduceusEnvironment,
    scytaleEnvironment,
    talariaEnvironment,
    caller: createCaller(scytale.url, basicOf(CALLER_CREDENTIAL)),
    startTalaria: async (id) => running.use(await startTalaria(id)),
    callerToken: () => issueToken(themis.url, { authorization: basicOf(CALLER_CREDENTIAL) }),
    deviceToken: (device, partner) => issueDeviceToken(themis.url, device, partner),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Silent unless whoever looks for a fault asks for lines: `XMIDT_TEST_LOG=debug`. */
export const logOf = (app: string): Logger =>
  createLogger(app, { level: process.env.XMIDT_TEST_LOG || 'silent' })

function issueDeviceToken(themisUrl: string, device: string, partner = 'comcast'): Promise<string> {
  return issueToken(themisUrl, {
    authorization: basicOf(DEVICE_CREDENTIAL),
    'x-midt-mac-address': device.replace(/^mac:/, ''),
    'x-midt-partner-id': partner,
  })
}

async function issueToken(themisUrl: string, headers: Record<string, string>): Promise<string> {
  const response = await fetch(`${themisUrl}/issue`, { headers })
  if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return response.text()
}
