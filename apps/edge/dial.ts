/** Opens the connection behind one that came: to a named container, or to any of a service. */
import { lookup } from 'node:dns/promises'
import { connect, type Socket } from 'node:net'
import type { Route } from './routes.ts'

/** So many containers of a service are tried before a client is sent away. */
const ATTEMPTS_MAX = 3

/** What {@link createDial} needs. */
export interface DialOptions {
  /** The host name of the n-th container of a service. */
  hostnameOf: (service: string, replica: number) => string
  connectMs: number
}

/** A connection to what is behind `route`. Rejects when nobody accepts. */
export type Dial = (route: Route, signal: AbortSignal) => Promise<Socket>

/** A way to dial that takes the containers of a service in turn. */
export function createDial({ hostnameOf, connectMs }: DialOptions): Dial {
  let turn = 0
  return async ({ service, replica, targetPort }, signal) => {
    const hostname = replica === undefined ? service : hostnameOf(service, replica)
    const found = await lookup(hostname, { all: true, family: 4 })
    turn += 1
    const addresses = found.map((_, index) => found[(index + turn) % found.length]?.address ?? '')
    let fault: unknown
    for (const address of addresses.slice(0, ATTEMPTS_MAX)) {
      signal.throwIfAborted()
      try {
        return await dialOne(address, targetPort, connectMs)
      } catch (error) {
        fault = error
      }
    }
    throw fault
  }
}

function dialOne(host: string, port: number, connectMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true })
    const timer = setTimeout(
      () => socket.destroy(new Error(`${host}:${port} did not accept within ${connectMs} ms`)),
      connectMs,
    )
    socket.once('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}
