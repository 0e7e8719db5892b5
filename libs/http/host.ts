/** Requests whose `Host` is no host: refused before anybody makes a URL of it, which would throw. */
import type { RequestListener } from 'node:http'

const BODY = '{"code": 400, "message": "the Host header is no host"}'

/**
 * The listener, for requests with a usable `Host`; others get 400. The server's own check lets through
 * what looks like a name and is none to a URL, such as `999999999999`, a number too large for an address.
 */
export function withValidHost(listener: RequestListener): RequestListener {
  // Nearly all requests to a port name the same one.
  let lastValid = ''
  return (request, response) => {
    const { host = '' } = request.headers
    if (host === '' || host === lastValid || URL.canParse(`http://${host}/`)) {
      lastValid = host
      return listener(request, response)
    }
    const headers = { 'Content-Type': 'application/json', 'Content-Length': BODY.length }
    response.writeHead(400, { ...headers, Connection: 'close' }).end(BODY)
  }
}
