/** The ports of a whole fabric on one machine, and whether they are free. */
import { createServer } from 'node:net'
import { UserError } from '#apps/xmidt/failure.ts'

/** Where each part listens by default; its operations are on the port above. */
const PORT_DEFAULTS = {
  nats: 4222,
  caduceus: 6000,
  talaria: 6200,
  scytale: 6300,
  petasos: 6400,
  themis: 6500,
  parodus: 6666,
  receiver: 6900,
} as const

/** Further Talarias and devices are this far from the one before: 6200, 6210, 6220. */
const PORT_STEP = 10

/** The parts that `--port` can name. */
export type Part = keyof typeof PORT_DEFAULTS
export type Ports = Record<Part, number>

/** The parts with a second port for `/livez`, `/readyz`, `/health` and `/metrics`. */
const WITH_OPERATIONS = new Set<Part>(['caduceus', 'talaria', 'scytale', 'petasos', 'themis'])

/** One line for `--help`. */
export const PORTS_HELP = Object.entries(PORT_DEFAULTS)
  .map(([part, port]) => `${part}=${port}`)
  .join(' ')

/**
 * Reads `--port talaria=7200`, collected over its uses.
 * @throws {UserError} for an unknown part or a port that is none.
 */
export function parsePort(text: string, ports: Ports = { ...PORT_DEFAULTS }): Ports {
  const [part = '', number = ''] = text.split('=')
  if (!Object.hasOwn(PORT_DEFAULTS, part)) {
    throw new UserError(`--port ${text}: the parts are ${PORTS_HELP}`)
  }
  const port = /^\d+$/.test(number) ? Number(number) : Number.NaN
  // Room for the operations port and the further instances above it.
  if (!(port >= 1 && port <= 65_000)) {
    throw new UserError(`--port ${text}: say a port from 1 to 65000, such as ${part}=7000`)
  }
  return { ...ports, [part]: port }
}

/** All default ports. */
export const defaultPorts = (): Ports => ({ ...PORT_DEFAULTS })

/** The port of the `index`-th instance of a part. */
export const portOf = (ports: Ports, part: Part, index = 0): number =>
  ports[part] + PORT_STEP * index

/**
 * Tries every port that will be needed, so that all that are taken are told at once.
 * @throws {UserError} which names them and says what to do.
 */
export async function requireFreePorts(
  ports: Ports,
  instances: Partial<Record<Part, number>>,
): Promise<void> {
  const wanted: [part: Part, port: number][] = []
  for (const part of Object.keys(PORT_DEFAULTS) as Part[]) {
    const count = instances[part] ?? 1
    for (let index = 0; index < count; index += 1) {
      const port = portOf(ports, part, index)
      wanted.push([part, port])
      if (WITH_OPERATIONS.has(part)) wanted.push([part, port + 1])
    }
  }
  const checked = await Promise.all(
    wanted.map(async ([part, port]) => ({ part, port, isFree: await isFree(port) })),
  )
  const taken = checked.filter((each) => !each.isFree)
  const first = taken[0]
  if (!first) return
  const list = taken.map(({ part, port }) => `  ${port}  (${part})`).join('\n')
  throw new UserError(
    `these ports of 127.0.0.1 are taken:\n${list}\n` +
      'If another "npm start" is running, stop it with Ctrl-C. Otherwise stop what listens there\n' +
      `(lsof -i :${first.port}), or take others: npm start -- --port ${first.part}=${ports[first.part] + 2000}`,
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}
