/** A local service that keeps to nothing: whoever connects to it is greeted by turns well and badly. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { hello } from '#libs/sp/wire.ts'

const GREETINGS = [
  Buffer.from(hello('pull')),
  Buffer.from(hello('pull')),
  Buffer.from(hello('push')),
  Buffer.alloc(100_000, 0xff),
  Buffer.concat([hello('pull'), Buffer.alloc(64, 0xff)]),
  Buffer.alloc(0),
]

/** One that listens. Disposing it ends its links. */
export interface HostileService extends AsyncDisposable {
  /** Such as `tcp://127.0.0.1:6667`. */
  readonly url: string
}

/** Starts it. */
export async function startHostileService(): Promise<HostileService> {
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    count += 1
    socket.write(GREETINGS[count % GREETINGS.length] ?? '')
    // Half of them read nothing, so that what is sent to them stays with the sender.
    if (count % 2 === 0) socket.resume()
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
