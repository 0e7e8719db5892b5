/**
 * A webhook receiver in a container of its own: remembers the id of each event of the load, and
 * tells them on request. Anything else that comes is only counted.
 */
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'

const PORT = 8080

/** How often each id came. */
const ids = new Map<string, number>()
let otherCount = 0

const server = createServer((request, response) => {
  void answer().catch(() => response.destroy())
  async function answer(): Promise<void> {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ids: Object.fromEntries(ids), otherCount }))
      return
    }
    const body = (await json(request)) as { id?: unknown }
    if (typeof body.id === 'string') ids.set(body.id, (ids.get(body.id) ?? 0) + 1)
    else otherCount += 1
    response.writeHead(200).end()
  }
})
server.listen(PORT)
process.on('SIGTERM', () => process.exit(0))
