/** Receivers that are ill, each in its way. A process of its own. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createPort, type AddressInfo, type Server } from 'node:net'
import { answerOrders } from '#loadtest/bench/child.ts'

/** The answer: where each kind listens, and for `refusing`, where nobody does. */
export interface Sick {
  hanging: string
  failing: string
  refusing: string
}

const urlOf = (server: Server): string =>
  `http://127.0.0.1:${(server.address() as AddressInfo).port}`

answerOrders(async (): Promise<Sick> => {
  const hanging = createServer(() => undefined).listen(0, '127.0.0.1')
  const failing = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.writeHead(500).end())
  }).listen(0, '127.0.0.1')
  const gone = createPort().listen(0, '127.0.0.1')
  await Promise.all([hanging, failing, gone].map((server) => once(server, 'listening')))
  const refusing = urlOf(gone)
  await new Promise<void>((done) => gone.close(() => done()))
  return { hanging: urlOf(hanging), failing: urlOf(failing), refusing }
})
