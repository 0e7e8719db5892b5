/** Two regions, each a whole stack over a nats-server of its own, joined as in production. */
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { TEST_PASSWORDS } from './nats.ts'
import { startStack, type Stack, type StackOptions } from './stack.ts'

/** Both stacks. The west joins the east; disposing them ends both. */
export interface Regions extends AsyncDisposable {
  readonly east: Stack
  readonly west: Stack
}

/** Starts both with the same `options`; that they are joined shows a little later. */
export async function startRegions(options: StackOptions = {}): Promise<Regions> {
  await using starting = new AsyncDisposableStack()
  // Known beforehand, and the same when a server comes back: the other one looks for it there.
  const port = await freePort()
  const url = `nats-leaf://region:${TEST_PASSWORDS.region}@127.0.0.1:${port}`
  const east = starting.use(
    await startStack({ ...options, region: { name: 'east', listen: { port } } }),
  )
  const west = starting.use(
    await startStack({ ...options, region: { name: 'west', join: { url } } }),
  )
  const running = starting.move()
  return { east, west, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}
