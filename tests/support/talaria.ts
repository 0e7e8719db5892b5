/** Talaria alone on a NATS of its own, with keys that the test signs with. */
import { jetstreamManager } from '@nats-io/jetstream'
import type { Subscription } from '@nats-io/transport-node'
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import { pino } from 'pino'
import { start } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'
import { createCommander, type Commander } from '#libs/nats/command/command.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { EVENT_SUBJECTS } from '#libs/nats/subjects.ts'
import { decode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { applyStreams } from '#nats/apply.ts'
import type { UserName } from '#nats/permissions.ts'
import { basicOf } from './caller.ts'
import { connectDevice, type ConnectDeviceOptions, type TestDevice } from './device.ts'
import { eventually } from './eventually.ts'
import { EVENTS_CAPS, startTestNats, type TestNats } from './nats.ts'
import { TOKEN_CLAIMS } from './token-claims.ts'

/** An event as it passed. */
export interface PassedEvent {
  id: string
  message: WrpMessage
  /** The payload as JSON, undefined where it is none. */
  payload: Record<string, unknown> | undefined
}

const OPERATOR = 'lever:puller'

/** With these the bench's Talarias let gate and drain be used over HTTP. */
export const OPERATOR_HEADERS = { authorization: basicOf(OPERATOR) }

/** The bench on which Talaria is tested. */
export interface TalariaBench extends AsyncDisposable {
  testNats: TestNats
  /** The test as a Scytale, which asks. */
  scytale: Nats
  commander: Commander
  /** The test as another Talaria, which announces sessions. */
  otherTalaria: Nats
  /** The test as a person who reads who is there. */
  operator: Nats
  /** In the order in which they passed. */
  events: readonly PassedEvent[]
  /** The first event that fits, of those that passed and those to come. */
  event(fits: (event: PassedEvent) => boolean): Promise<PassedEvent>
  startTalaria(environment?: Record<string, string>, log?: Logger): Promise<App>
  /** `issuedAt` in seconds since 1970, by default now. */
  sign(claims: Record<string, unknown>, expires?: string, issuedAt?: number): Promise<string>
  /** Without `exp` and `iat`. */
  signWithoutEnd(claims: Record<string, unknown>): Promise<string>
  /** By a key that was withdrawn, or never was one. */
  signByAnotherKey(claims: Record<string, unknown>): Promise<string>
  /** By another key under the name of the one that is known. */
  forge(claims: Record<string, unknown>): Promise<string>
  /** Connects with a token that is this device's. */
  connect(
    talaria: App,
    deviceId: string,
    options?: Partial<ConnectDeviceOptions>,
  ): Promise<TestDevice>
  /** Does `act` while JetStream has no stream EVENTS, as a cluster has none that elects a leader. */
  withoutEvents(act: () => Promise<void>): Promise<void>
  /** An id that no other test uses. */
  newDevice(): string
}

/** The sum of a counter's series on a Talaria's page whose line contains `label`. */
export async function counted(talaria: App, name: string, label = ''): Promise<number> {
  const page = await (await fetch(`${talaria.operationsUrl}/metrics`)).text()
  const lines = page.split('\n').filter((line) => line.startsWith(name) && line.includes(label))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** Starts the bench, without a Talaria. */
export async function startTalariaBench(): Promise<TalariaBench> {
  const log = pino({ level: 'silent' })
  await using starting = new AsyncDisposableStack()
  const testNats = starting.use(await startTestNats())
  const open = (user: UserName) => connectNats({ url: testNats.urlOf(user), name: 'test', log })
  const scytale = starting.use(await open('scytale'))
  const otherTalaria = starting.use(await open('talaria'))
  const operator = starting.use(await open('operator'))
  const commander = starting.use(createCommander(scytale))
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const keys = starting.use(
    await serve({ fetch: () => Response.json({ keys: [jwk] }), hostname: '127.0.0.1', port: 0 }),
  )
  const events: PassedEvent[] = []
  const watch = (): Subscription =>
    operator.connection.subscribe(EVENT_SUBJECTS, {
      callback: (error, { data, headers }) => {
        if (error) return
        const message = decode(data)
        events.push({ id: headers?.get('Nats-Msg-Id') ?? '', message, payload: jsonOf(message) })
      },
    })
  let watching = watch()
  await operator.connection.flush()
  const unsigned = (kid: string, claims: JWTPayload) =>
    new SignJWT({ ...TOKEN_CLAIMS, sub: 'device', ...claims }).setProtectedHeader({
      alg: 'ES256',
      kid,
    })
  const sign: TalariaBench['sign'] = (claims, expires = '1h', issuedAt) =>
    unsigned('k', claims).setIssuedAt(issuedAt).setExpirationTime(expires).sign(privateKey)
  const signByOther = (kid: string, claims: JWTPayload) =>
    unsigned(kid, claims).setIssuedAt().setExpirationTime('1h').sign(otherKey)
  const { privateKey: otherKey } = await generateKeyPair('ES256')
  let deviceCount = 0
  const running = starting.move()
  return {
    testNats,
    scytale,
    commander,
    otherTalaria,
    operator,
    events,
    event: (fits) =>
      eventually(() => {
        const found = events.find(fits)
        if (!found) throw new Error('no such event passed')
        return found
      }),
    startTalaria: (environment = {}, appLog = log) =>
      start(
        loadConfig(talariaEnv, {
          NATS_URL: testNats.urlOf('talaria'),
          TALARIA_PORT: '0',
          TALARIA_OPERATIONS_PORT: '0',
          TALARIA_JWKS_URL: keys.url,
          TALARIA_OPERATIONS_CREDENTIALS: OPERATOR,
          TALARIA_DRAIN_MS: '100',
          // One device of a test is refused many times.
          TALARIA_REFUSAL_HOLD_MS: '0',
          ...environment,
        }),
        appLog,
      ),
    sign,
    signWithoutEnd: (claims) => unsigned('k', claims).sign(privateKey),
    signByAnotherKey: (claims) => signByOther('other', claims),
    forge: (claims) => signByOther('k', claims),
    async connect(talaria, deviceId, options = {}) {
      const token = await sign({ 'device-id': deviceId, 'partner-id': 'comcast', trust: 1_000 })
      return connectDevice({ url: talaria.url, deviceId, token, ...options })
    },
    async withoutEvents(act) {
      const url = testNats.urlOf('provisioner')
      await using provisioner = await connectNats({ url, name: 'test', log })
      // Whoever watches would be a responder, and a publish would wait for its time-out.
      watching.unsubscribe()
      const manager = await jetstreamManager(provisioner.connection, { checkAPI: false })
      await manager.streams.delete('EVENTS')
      try {
        await act()
      } finally {
        watching = watch()
        // Before the stream is there: what is stored at once must be seen.
        await operator.connection.flush()
        await applyStreams(provisioner.connection, { ...EVENTS_CAPS, log })
      }
    },
    newDevice: () => `mac:${(0xbb_00_00_00_00_00 + deviceCount++).toString(16)}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function jsonOf({ payload }: WrpMessage): Record<string, unknown> | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>
  } catch {
    return undefined
  }
}
