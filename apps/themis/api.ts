/** The routes of Themis: tokens and keys. api.md D1. */
import { randomUUID } from 'node:crypto'
import { Hono, type Context } from 'hono'
import { SignJWT } from 'jose'
import type { HttpBindings } from '@hono/node-server'
import { createBasic } from '#libs/auth/basic.ts'
import { errorResponse, notFound, onError } from '#libs/http/error.ts'
import { traced, type TracedEnv } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import { traceFields, type Tracer } from '#libs/trace/tracer.ts'
import { ClaimError, readDeviceClaims } from './claims.ts'
import { CredentialError, grantOf } from './credential.ts'
import type { ThemisConfig } from './config.ts'
import { ALGORITHM, type SigningKey } from './key.ts'
import type { ThemisMetrics } from './metrics.ts'

/** Keys may be kept this long by whoever verifies. */
const KEYS_MAX_AGE_SECONDS = 300

/** Clocks of devices differ: a token counts from a little before it was made, as upstream's do. */
const NOT_BEFORE_SECONDS = 15

/** What a caller of Scytale and Caduceus may do: everything, for every partner. */
const CALLER_CLAIMS = {
  capabilities: ['x1:webpa:api:.*:all', 'x1:webpa:notify:.*:all'],
  allowedResources: { allowedPartners: ['*'] },
}

/** What {@link createApi} needs. */
export interface ApiOptions {
  config: ThemisConfig
  key: SigningKey
  tracer: Tracer | undefined
  metrics: ThemisMetrics
  log: Logger
}

/** What a route finds: the connection too, for the certificate that was shown there. */
type Env = TracedEnv & { Bindings: HttpBindings }

/** The API as an application of Hono. */
export function createApi({ config, key, tracer, metrics, log }: ApiOptions): Hono<Env> {
  const devices = createBasic(config.THEMIS_DEVICE_CREDENTIALS)
  const callers = createBasic(config.THEMIS_CALLER_CREDENTIALS)
  const issue = createIssue(config, key)
  const app = new Hono<Env>()
  if (tracer) app.use(traced(tracer))

  app.get('/issue', async (c) => {
    const authorization = c.req.header('authorization') ?? ''
    const trace = traceFields(c.var.span?.context)
    const caller = callers(authorization)
    if (caller !== undefined) {
      metrics.issued.inc({ kind: 'caller' })
      log.info({ kind: 'caller', subject: caller, ...trace }, 'token issued')
      return tokenResponse(c, await issue({ sub: caller, ...CALLER_CLAIMS }))
    }
    try {
      const grant = grantOf(c.env.incoming, devices(authorization), config)
      const parameters = new URL(c.req.url).searchParams
      const rules = { grant, partnerDefault: config.THEMIS_PARTNER_DEFAULT }
      const { deviceId, claims } = readDeviceClaims(c.req.raw.headers, parameters, rules)
      metrics.issued.inc({ kind: 'device' })
      log.debug({ kind: 'device', deviceId, ...trace }, 'token issued')
      c.var.span?.set({ 'xmidt.device.id': deviceId })
      return tokenResponse(c, await issue({ sub: deviceId, ...claims, trust: grant.trust }))
    } catch (error) {
      if (error instanceof ClaimError) {
        metrics.refused.inc({ reason: error.reason })
        return errorResponse(error.status, error.message)
      }
      if (!(error instanceof CredentialError)) throw error
      metrics.refused.inc({ reason: error.reason })
      return errorResponse(401, error.message, { 'WWW-Authenticate': 'Basic realm="themis"' })
    }
  })

  const keySet = (c: Context): Response =>
    keyResponse(c, JSON.stringify({ keys: [key.jwk] }), 'application/jwk-set+json')
  app.get('/.well-known/jwks.json', keySet)
  app.get('/keys', keySet)
  app.get('/keys/:kid/:form?', (c) => {
    const form = c.req.param('form')
    if (c.req.param('kid') !== key.kid || (form !== undefined && !FORMS.has(form))) {
      return errorResponse(404, `No key exists with kid ${c.req.param('kid')}`)
    }
    const isJson = form === 'key.json' || (!form && c.req.header('accept') === 'application/json')
    return isJson
      ? keyResponse(c, JSON.stringify(key.jwk), 'application/json')
      : keyResponse(c, key.pem, 'application/x-pem-file')
  })
  app.notFound(notFound)
  app.onError(onError(log))
  return app
}

const FORMS = new Set(['key.pem', 'key.json'])

function createIssue(config: ThemisConfig, key: SigningKey) {
  return (claims: Record<string, unknown>): Promise<string> => {
    const nowSeconds = Math.floor(Date.now() / 1000)
    return new SignJWT(claims)
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT', kid: key.kid })
      .setIssuer(config.THEMIS_ISSUER)
      .setAudience(config.THEMIS_AUDIENCE)
      .setJti(randomUUID())
      .setIssuedAt(nowSeconds)
      .setNotBefore(nowSeconds - NOT_BEFORE_SECONDS)
      .setExpirationTime(nowSeconds + Math.round(config.THEMIS_TOKEN_MS / 1000))
      .sign(key.privateKey)
  }
}

/** The bare token, without a line break, as genuine Parodus reads it. */
function tokenResponse(c: Context, token: string): Response {
  return c.body(token, 200, {
    'Content-Type': 'application/jose',
    'Content-Length': String(token.length),
    'Cache-Control': 'no-store',
  })
}

/** With its length: upstream's reader of keys takes nothing from a chunked reply. */
function keyResponse(c: Context, text: string, type: string): Response {
  return c.body(text, 200, {
    'Content-Type': type,
    'Content-Length': String(Buffer.byteLength(text)),
    'Cache-Control': `public, max-age=${KEYS_MAX_AGE_SECONDS}`,
  })
}
