/** From the fabric's address to an open websocket, by whatever redirects lie between. parodus.md §2. */
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'

/** What genuine Parodus asks for, whatever the path of its URL. */
const PATH = '/api/v2/device'

/** Petasos sends to a Talaria, which sends nowhere; more hops are a circle. */
const HOPS_MAX = 5

/** An answer to the upgrade takes milliseconds; genuine Parodus gives it 10 s. */
const HANDSHAKE_MS = 10_000

/** How much of a refusal's body is told in the log. */
const REFUSAL_LENGTH_MAX = 200

/** The fabric refused the connection; 401 and 403 mean that the credential is not good any more. */
export class DialError extends Error {
  readonly code = 'DIAL_REFUSED'
  override readonly name = 'DialError'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What {@link dial} needs. */
export interface DialOptions {
  petasosUrl: string
  headers: Record<string, string>
  messageBytesMax: number
  signal: AbortSignal
  onRedirect: (talaria: string) => void
}

/** An open connection. */
export interface Dialled {
  socket: WebSocket
  /** Host and port of the Talaria. */
  talaria: string
}

/**
 * Connects. The socket is paused, so that nothing which comes with the answer to the upgrade is
 * lost before somebody listens.
 * @throws {DialError} for a refusal, and the network's errors.
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  let base = new URL(options.petasosUrl)
  for (let hop = 0; hop <= HOPS_MAX; hop += 1) {
    const result = await upgrade(base, options)
    if (result instanceof WebSocket) return { socket: result, talaria: base.host }
    base = result
    options.onRedirect(base.host)
  }
  throw new DialError(310, `more than ${HOPS_MAX} redirects`)
}

/** One attempt: an open socket, or where to go instead. */
function upgrade(base: URL, options: DialOptions): Promise<WebSocket | URL> {
  return new Promise((resolve, reject) => {
    const protocol = base.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(`${protocol}//${base.host}${PATH}`, {
      headers: options.headers,
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: options.messageBytesMax,
      perMessageDeflate: false,
      followRedirects: false,
    })
    const onAbort = (): void => socket.terminate()
    options.signal.addEventListener('abort', onAbort)
    const settle = (act: () => void): void => {
      options.signal.removeEventListener('abort', onAbort)
      act()
    }
    socket.once('open', () => {
      socket.pause()
      settle(() => resolve(socket))
    })
    socket.once('error', (error) => settle(() => reject(error)))
    socket.once('unexpected-response', (request, response) => {
      readRefusal(response).then(
        (text) => settle(() => answer(response, text, resolve, reject)),
        (error: unknown) => settle(() => reject(error)),
      )
      response.once('close', () => request.destroy())
    })
  })
}

function answer(
  response: IncomingMessage,
  text: string,
  resolve: (url: URL) => void,
  reject: (error: Error) => void,
): void {
  const status = response.statusCode ?? 0
  if (![307, 302, 303, 308].includes(status))
    return reject(new DialError(status, `${status} ${text}`))
  const location = response.headers.location ?? ''
  const target = URL.canParse(location) ? new URL(location) : undefined
  if (!target || !['http:', 'https:'].includes(target.protocol)) {
    return reject(new DialError(status, 'a redirect to no place that can be reached'))
  }
  resolve(target)
}

async function readRefusal(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > REFUSAL_LENGTH_MAX) break
  }
  return text.trim().slice(0, REFUSAL_LENGTH_MAX)
}
