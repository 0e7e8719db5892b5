/**
 * Scytale alone on a NATS of its own, with keys that the test signs with, where the test plays the
 * one Talaria that there is.
 */
import { randomUUID } from 'node:crypto'
import type { Msg } from '@nats-io/transport-node'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { pino } from 'pino'
import { start } from '#apps/scytale/app.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { deviceSubjectKind, deviceSubjects, TALARIAS_PING } from '#libs/nats/subjects.ts'
import type { TalariaPing } from '#libs/nats/command/talaria-ping.ts'
import { openTalarias } from '#libs/nats/bucket/talarias.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { startTestNats, type TestNats } from './nats.ts'
import { TOKEN_CLAIMS } from './token-claims.ts'

/** What a held device's subject gets; `kind` is its last token. */
type OnDeviceMessage = (message: Msg, kind: string) => void | Promise<void>

/** The bench on which Scytale is tested. */
export interface ScytaleBench extends AsyncDisposable {
  nats: TestNats
  scytale: App
  /** A further Scytale with other settings. */
  startScytale(environment: Record<string, string>, log?: Logger): Promise<App>
  /** A token with these claims that this Scytale accepts. */
  sign(claims: Record<string, unknown>): Promise<string>
  /** One that never ends. */
  signWithoutEnd(claims: Record<string, unknown>): Promise<string>
  /** An id that no other test uses. */
  newDevice(): string
  /** Holds a device as a Talaria would. */
  hold(device: string, onMessage: OnDeviceMessage): Promise<void>
}

/** The `Authorization` of the one caller with a password. */
export const BASIC = `Basic ${Buffer.from('caller:secret').toString('base64')}`

/** Starts the bench. */
export async function startScytaleBench(): Promise<ScytaleBench> {
  const log = pino({ level: 'silent' })
  await using starting = new AsyncDisposableStack()
  const testNats = starting.use(await startTestNats())
  const url = testNats.urlOf('talaria')
  const nats = starting.use(await connectNats({ url, name: 'test', log }))
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const keys = starting.use(
    await serve({ fetch: () => Response.json({ keys: [jwk] }), hostname: '127.0.0.1', port: 0 }),
  )
  const since = new Date().toISOString()
  const ping: TalariaPing = { id: 'talaria-1', subscribed: true, since }
  nats.connection.subscribe(TALARIAS_PING, {
    callback: (_error, message) => void message.respond(JSON.stringify({ ...ping, ageMs: 60_000 })),
  })
  await (
    await openTalarias(nats, log)
  ).put(ping.id, {
    url: 'http://127.0.0.1:6200',
    region: 'local',
    weight: 1,
    started: ping.since,
    devices: 0,
    draining: false,
  })
  const startScytale = (
    environment: Record<string, string> = {},
    appLog: Logger = log,
  ): Promise<App> =>
    start(
      loadConfig(scytaleEnv, {
        NATS_URL: testNats.urlOf('scytale'),
        SCYTALE_PORT: '0',
        SCYTALE_OPERATIONS_PORT: '0',
        SCYTALE_JWKS_URL: keys.url,
        SCYTALE_BASIC_CREDENTIALS: 'caller:secret',
        ...environment,
      }),
      appLog,
    )
  const scytale = starting.use(await startScytale())
  const unsigned = (claims: Record<string, unknown>) =>
    new SignJWT({ ...TOKEN_CLAIMS, sub: 'somebody', ...claims }).setProtectedHeader({
      alg: 'ES256',
      kid: 'k',
    })
  let deviceCount = 0
  const running = starting.move()
  return {
    nats: testNats,
    scytale,
    startScytale,
    sign: (claims) => unsigned(claims).setIssuedAt().setExpirationTime('1h').sign(privateKey),
    signWithoutEnd: (claims) => unsigned(claims).sign(privateKey),
    newDevice: () => `mac:${(0xaa_00_00_00_00_00 + deviceCount++).toString(16)}`,
    async hold(device, onMessage) {
      nats.connection.subscribe(deviceSubjects(parseDeviceId(device)), {
        callback: (error, message) => {
          if (!error) void onMessage(message, deviceSubjectKind(message.subject))
        },
      })
      await nats.connection.flush()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Answers a request as a device's `config` service would. */
export function answerRequest(message: Msg): void {
  const { transaction_uuid: transaction = '', source = '', dest = '' } = decode(message.data)
  message.respond(
    encode({
      msg_type: 3,
      source: dest,
      dest: source,
      transaction_uuid: transaction,
      payload: new TextEncoder().encode('{"statusCode":200}'),
    }),
  )
}

/** A request to a device's `config` service, with a transaction that no other has. */
export const requestTo = (device: string, more: Partial<WrpMessage> = {}): WrpMessage => ({
  msg_type: 3,
  source: 'dns:caller.example',
  dest: `${device}/config`,
  transaction_uuid: randomUUID(),
  payload: new TextEncoder().encode('{"command":"GET","names":["A."]}'),
  ...more,
})

/** What asks for JSON and sends it. */
export const JSON_HEADERS = { 'content-type': 'application/json', accept: 'application/json' }

/** Posts a message as JSON, with the password unless `headers` has another credential. */
export const post = (
  to: App,
  message: WrpMessage,
  {
    headers = {},
    path = '/api/v3/device',
  }: { headers?: Record<string, string>; path?: string } = {},
): Promise<Response> =>
  fetch(to.url + path, {
    method: 'POST',
    headers: { authorization: BASIC, ...JSON_HEADERS, ...headers },
    body: toJson(message),
  })
