/** Many devices in one process, with tokens that it signs itself, and the keys to verify them. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { WebSocket } from 'ws'
import { serve } from '#libs/http/server.ts'
import { answerOrders } from '#loadtest/bench/child.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'

/** What may be asked of this process. */
export type DevicesOrder =
  /** Signs so many tokens, which takes its time, and serves the keys. */
  | { act: 'prepare'; count: number }
  /** Connects that many, `atOnce` under way. */
  | { act: 'connect'; url: string; atOnce: number }
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

const sockets: WebSocket[] = []
let tokens: string[] = []
const { publicKey, privateKey } = await generateKeyPair('ES256')

const deviceIdOf = (index: number): string => `mac:${(0xaa_00_00_00_00_00 + index).toString(16)}`

async function prepare(count: number): Promise<Prepared> {
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

async function connect(url: string, atOnce: number): Promise<Connected> {
  const startedAt = performance.now()
  let next = 0
  let failures = 0
  const worker = async (): Promise<void> => {
    for (let index = next++; index < tokens.length; index = next++) {
      for (let attempt = 1; !(await open(url, index)); attempt += 1) {
        failures += 1
        if (attempt === ATTEMPTS_MAX) throw new Error(`${deviceIdOf(index)} cannot connect`)
      }
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { seconds: (performance.now() - startedAt) / 1_000, failures }
}

function open(url: string, index: number): Promise<boolean> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v2/device`, {
    perMessageDeflate: false,
    ...(index >= DEVICES_PER_ADDRESS && {
      localAddress: `127.0.0.${1 + Math.floor(index / DEVICES_PER_ADDRESS)}`,
    }),
    headers: {
      'X-Webpa-Device-Name': deviceIdOf(index),
      Authorization: `Bearer ${tokens[index]}`,
      'X-Webpa-Convey': CONVEY,
    },
  })
  return new Promise((resolve) => {
    socket.once('open', () => {
      sockets.push(socket)
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** What a device of the field tells of itself. */
const CONVEY = Buffer.from(
  JSON.stringify({
    'hw-model': 'TG1682',
    'hw-serial-number': '123456789',
    'hw-manufacturer': 'ARRIS',
    'hw-last-reboot-reason': 'unknown',
    'fw-name': 'TG1682_3.5s17_VBN',
    'boot-time': 1_700_000_000,
    'webpa-protocol': 'PARODUS-2.0-1.1.5',
    'webpa-interface-used': 'erouter0',
    'webpa-last-reconnect-reason': 'webpa_process_starts',
  }),
).toString('base64')

answerOrders((order: DevicesOrder): Promise<Prepared | Connected> | object => {
  if (order.act === 'prepare') return prepare(order.count)
  if (order.act === 'connect') return connect(order.url, order.atOnce)
  for (const socket of sockets.splice(0)) socket.terminate()
  return {}
})
