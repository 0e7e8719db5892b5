/** The API: its routes, and what every request to it goes through. api.md B1 and B2. */
import { Hono, type Context } from 'hono'
import { toResponse } from '#libs/http/answer.ts'
import { bodyLimit } from '#libs/http/body.ts'
import { traced } from '#libs/http/traced.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Tracer } from '#libs/trace/tracer.ts'
import type { ApiVersion, Authorise, AuthorisedRequest } from './caller/access.ts'
import type { Admission } from './caller/admission.ts'
import { admitted, measured, type ApiEnv } from './caller/api-middleware.ts'
import { answerOfError, endpointUnknown } from './api-errors.ts'
import type { ScytaleConfig } from './config.ts'
import { identified, type Identity } from './caller/identity.ts'
import type { ScytaleMetrics } from './metrics.ts'
import { readForm } from './message/read-message.ts'
import { Refusal } from './refusal.ts'
import type { SendToDevice } from './send.ts'
import type { StatOfDevice } from './stat.ts'

/** `/device/send` is what upstream documents and does not serve. */
const SEND_PATHS = ['/api/:version{v[23]}/device', '/api/:version{v[23]}/device/send']
const STAT_PATH = '/api/:version{v[23]}/device/:device/stat'

/** Upstream takes PUT and then fails at its Talaria; here it is the same as POST. */
const SEND_METHODS = ['POST', 'PUT']

/** What {@link createApi} needs. */
export interface ApiOptions {
  config: ScytaleConfig
  identity: Identity
  admission: Admission
  authorise: Authorise
  send: SendToDevice
  stat: StatOfDevice
  tracer: Tracer | undefined
  metrics: ScytaleMetrics
  log: Logger
}

/** The API as an application of Hono. */
export function createApi({
  config,
  identity,
  admission,
  authorise,
  send,
  stat,
  tracer,
  metrics,
  log,
}: ApiOptions): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>()
  if (tracer) app.use(traced(tracer))
  app.use(measured(metrics))
  app.use(identified(identity))
  app.use(admitted(admission))

  const limit = bodyLimit(config.SCYTALE_BODY_BYTES_MAX)
  for (const path of SEND_PATHS) {
    app.all(path, async (c, next) => {
      c.set('route', 'send')
      const form = readForm(c.req.raw.headers)
      if (!form) throw endpointUnknown()
      if (!SEND_METHODS.includes(c.req.method)) throw methodUnsupported(SEND_METHODS)
      c.set('form', form)
      c.set('access', await authorise(judged(c), versionOf(c)))
      return next()
    })
    // After the credential, so that a stranger's body is not even read.
    app.all(path, limit, async (c) => {
      const body = new Uint8Array(await c.req.arrayBuffer())
      const { form, access, span } = c.var
      const { headers, signal } = c.req.raw
      return toResponse(await send({ headers, signal, body, form, access, span }))
    })
  }
  app.all(STAT_PATH, async (c) => {
    c.set('route', 'stat')
    if (c.req.method !== 'GET') throw methodUnsupported(['GET'])
    const access = await authorise(judged(c), versionOf(c))
    const by = { access, span: c.var.span }
    return toResponse(await stat(c.req.param('device'), c.req.raw, by))
  })
  app.notFound(() => {
    throw endpointUnknown()
  })
  app.onError((error, c) => {
    const isGone = c.req.raw.signal.aborted
    const { answer, refusal } = answerOfError(error, { isGone, span: c.var.span, log })
    c.set('refusal', refusal)
    return toResponse(answer)
  })
  return app
}

const judged = ({ req }: Context): AuthorisedRequest => ({
  headers: req.raw.headers,
  method: req.method,
  path: () => new URL(req.url).pathname,
})

const versionOf = (c: Context): ApiVersion => (c.req.param('version') === 'v2' ? 'v2' : 'v3')

const methodUnsupported = (methods: readonly string[]): Refusal =>
  new Refusal(405, 'method-unsupported', 'Method not allowed', {
    headers: { Allow: methods.join(', ') },
  })
