/** Many devices in one process, with tokens that it signs itself, and the keys to verify them. */
import type { Socket } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { serve } from '#libs/http/server.ts'
import { answerOrders } from '#loadtest/bench/child.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'
import { openDevice } from './device.ts'

/** What may be asked of this process. */
export type DevicesOrder =
  /** Signs so many tokens, which takes its time, and serves the keys. `first` tells generators apart. */
  | { act: 'prepare'; count: number; first?: number }
  /** Connects the next `count` (all that are left when absent), `atOnce` under way. */
  | { act: 'connect'; url: string; atOnce: number; perAddress?: number; count?: number }
  | { act: 'close' }

/** The answer to `prepare`. */
export interface Prepared {
  jwksUrl: string
}

/** The answer to `connect`. */
export interface Connected {
  seconds: number
  /** Connections that were refused or broke, and were tried again. */
  failures: number
}

/**
 * One source address has some 28,000 ports. Those beyond the first get an address named for them,
 * which the others do without: to bind before connecting costs the kernel a search for a port.
 */
const DEVICES_PER_ADDRESS = 20_000

/** More failures than this in a row for one device end the measurement: there is nothing to measure. */
const ATTEMPTS_MAX = 20

const sockets: Socket[] = []
let tokens: string[] = []
let next = 0
let firstDevice = 0
const { publicKey, privateKey } = await generateKeyPair('ES256')

const deviceIdOf = (index: number): string =>
  `mac:${(0xaa_00_00_00_00_00 + firstDevice + index).toString(16)}`

async function prepare(count: number, first = 0): Promise<Prepared> {
  firstDevice = first
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  const keys = await serve({
    fetch: () => Response.json({ keys: [jwk] }),
    hostname: '127.0.0.1',
    port: 0,
  })
  tokens = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      new SignJWT({
        ...TOKEN_CLAIMS,
        sub: 'device',
        'device-id': deviceIdOf(index),
        'partner-id': 'example',
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
    ),
  )
  return { jwksUrl: keys.url }
}

async function connect(order: DevicesOrder & { act: 'connect' }): Promise<Connected> {
  const { url, atOnce, perAddress = DEVICES_PER_ADDRESS, count = tokens.length - next } = order
  const { hostname: host, port } = new URL(url)
  const startedAt = performance.now()
  const end = Math.min(tokens.length, next + count)
  let failures = 0
  const open = async (index: number): Promise<boolean> => {
    const address = Math.floor((firstDevice + index) / perAddress)
    const socket = await openDevice({
      host,
      port: Number(port),
      localAddress: address === 0 ? undefined : `127.0.0.${1 + address}`,
      deviceId: deviceIdOf(index),
      token: tokens[index] ?? '',
    })
    if (socket) sockets.push(socket)
    return socket !== undefined
  }
  const worker = async (): Promise<void> => {
    while (next < end) {
      const index = next++
      for (let attempt = 1; !(await open(index)); attempt += 1) {
        failures += 1
        if (attempt === ATTEMPTS_MAX) throw new Error(`${deviceIdOf(index)} cannot connect`)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { seconds: (performance.now() - startedAt) / 1_000, failures }
}

answerOrders((order: DevicesOrder): Promise<Prepared | Connected> | object => {
  if (order.act === 'prepare') return prepare(order.count, order.first)
  if (order.act === 'connect') return connect(order)
  for (const socket of sockets.splice(0)) socket.destroy()
  next = 0
  return {}
})
