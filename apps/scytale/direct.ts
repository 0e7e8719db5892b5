/**
 * The one hot route, a message to a device, over Node's own request and response.
 *
 * What a caller sees is the same as through the API in `api.ts`: the same functions judge, send and
 * count, and a test compares the bytes of both. Only the way there is shorter: no search for the route,
 * and no `Request`, `Response` and streams of the platform, which cost more than the whole rest. It
 * takes only what is certain to be a plain message: a path without a query, POST or PUT, a body with a
 * declared length within the limit. All else goes to the API, which knows every case.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { writeAnswer, type HttpAnswer } from '#libs/http/answer.ts'
import { callerGone } from '#libs/http/caller-gone.ts'
import { plainHeaders } from '#libs/http/plain-headers.ts'
import { beginRequest, endRequest, traceContextOf } from '#libs/http/traced.ts'
import { readWholeBody } from '#libs/http/whole-body.ts'
import { answerOfError, bodyCut, endpointUnknown } from './api-errors.ts'
import type { ApiOptions } from './api.ts'
import type { ApiVersion } from './caller/access.ts'
import { admit, countAnswer } from './caller/api-middleware.ts'
import { readForm } from './message/read-message.ts'
import type { RefusalReason } from './metrics.ts'

const PATHS: ReadonlyMap<string, ApiVersion> = new Map([
  ['/api/v2/device', 'v2'],
  ['/api/v2/device/send', 'v2'],
  ['/api/v3/device', 'v3'],
  ['/api/v3/device/send', 'v3'],
])

/** A name or an address as nearly all have it, of which an URL would make nothing else. */
const PLAIN_HOST = /^[a-z0-9.-]+(?::(?:[1-9]\d{3}|[1-5]\d{4}))?$/

/** Answers what it takes; the rest is `otherwise`'s. */
export function createDirect(options: ApiOptions, otherwise: RequestListener): RequestListener {
  const { config, tracer, metrics, identity, log } = options
  const answer = createAnswering(options)
  return (request, response) => {
    const { url: path = '', method = '' } = request
    const version = PATHS.get(path)
    if (!version || !isPlain(request, config.SCYTALE_BODY_BYTES_MAX)) {
      return otherwise(request, response)
    }
    const startedAt = performance.now()
    const headers = plainHeaders(request.rawHeaders)
    const facts = { method, path, route: path }
    const span = tracer && beginRequest(tracer, { ...facts, parent: traceContextOf(headers) })
    const taken = { request, response, headers, version, path, method, span }
    const write = ({ answer: found, refusal }: Answered): void => {
      const { status } = found
      countAnswer(metrics, { status, refusal, route: 'send', startedAt })
      if (span) endRequest(span, status)
      writeAnswer(response, found, identity)
    }
    answer(taken)
      .then(write)
      .catch((error: unknown) => {
        // No error of one answer ends the process; whoever waits is told, where it can be.
        log.error({ error: error instanceof Error ? error.stack : String(error) }, 'answer failed')
        if (!response.headersSent) response.writeHead(500)
        response.end()
      })
  }
}

function isPlain({ method, headers }: IncomingMessage, bytesMax: number): boolean {
  if (method !== 'POST' && method !== 'PUT') return false
  const { host = '', 'content-length': length, 'transfer-encoding': encoding } = headers
  if (length === undefined || encoding !== undefined) return false
  return Number(length) <= bytesMax && PLAIN_HOST.test(host)
}

/** A request that is taken. */
interface Taken {
  request: IncomingMessage
  response: ServerResponse
  headers: ReturnType<typeof plainHeaders>
  version: ApiVersion
  path: string
  method: string
  span: ReturnType<NonNullable<ApiOptions['tracer']>['begin']> | undefined
}

/** What came of it. */
interface Answered {
  answer: HttpAnswer
  refusal: RefusalReason | undefined
}

/** Answers; an error is an answer too. */
type Answering = (taken: Taken) => Promise<Answered>

function createAnswering({ admission, authorise, send, log }: ApiOptions): Answering {
  return async ({ request, response, headers, version, path, method, span }) => {
    const signal = callerGone(response)
    try {
      using _pass = admit(admission)
      const form = readForm(headers)
      if (!form) throw endpointUnknown()
      const access = await authorise({ headers, method, path: () => path }, version)
      // After the credential, so that a stranger's body is not even read.
      const body = await readWholeBody(request)
      if (!body) throw bodyCut()
      const answer = await send({ headers, signal, body, form, access, span })
      return { answer, refusal: undefined }
    } catch (error) {
      return answerOfError(error, { isGone: signal.aborted, span, log })
    }
  }
}
