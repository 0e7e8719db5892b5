/** Free ports of this machine for the published ones of the stack, so that several can be there. */
import { createServer } from 'node:net'

/** Published one by one. */
const NAMES = [
  'XMIDT_CADUCEUS_PORT',
  'XMIDT_SCYTALE_PORT',
  'XMIDT_PETASOS_PORT',
  'XMIDT_THEMIS_PORT',
  'TEST_RECEIVER_PORT',
] as const

/** As many as compose.yaml publishes for the Talarias. */
const TALARIAS_MAX = 16

const FIRST = 20_000
const LAST = 30_000
const ATTEMPTS_MAX = 100

/** A block of free ports, as variables of the compose file. @throws when none is found. */
export async function freePorts(): Promise<Record<string, string>> {
  const size = TALARIAS_MAX + NAMES.length
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const first = FIRST + Math.floor(Math.random() * (LAST - FIRST - size))
    const block = Array.from({ length: size }, (_, index) => first + index)
    if (!(await Promise.all(block.map(isFree))).every(Boolean)) continue
    return {
      XMIDT_TALARIA_PORTS: `${first}-${first + TALARIAS_MAX - 1}`,
      ...Object.fromEntries(
        NAMES.map((name, index) => [name, String(first + TALARIAS_MAX + index)]),
      ),
    }
  }
  throw new Error(`no block of ${size} free ports between ${FIRST} and ${LAST}`)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
