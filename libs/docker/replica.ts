/**
 * Which of a service's containers this one is. Compose numbers them, and tells the number nowhere
 * but in the container's name, which Docker's own name server gives for an address: it is asked for
 * the name of ours.
 */
import { Resolver } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { wait } from '#libs/retry/wait.ts'

/** The name server may learn of a container a moment after it runs; then it is asked again. */
const ATTEMPTS_MAX = 20
const ATTEMPT_WAIT_MS = 250

/** This container was not started by compose as one of a service's. */
export class NoReplicaError extends Error {
  readonly code = 'NO_REPLICA'
  override readonly name = 'NoReplicaError'
}

/** One of a service's containers. */
export interface Replica {
  /** From 1 on. */
  readonly index: number
  /** The name of this container, by which others on its networks reach it. */
  readonly hostname: string
  /** The name of the `index`-th container of `service` in the same project. */
  readonly hostnameOf: (service: string, index: number) => string
}

/** Finds out which container of `service` this is. @throws {NoReplicaError} when it is none. */
export async function findReplica(
  service: string,
  { attemptsMax = ATTEMPTS_MAX } = {},
): Promise<Replica> {
  const names = new Set<string>()
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    for (const name of await ownNames()) {
      names.add(name)
      const replica = parseReplica(name, service)
      if (replica) return replica
    }
    await wait(ATTEMPT_WAIT_MS)
  }
  throw new NoReplicaError(
    `this is no container of the service ${service} in a compose network; ` +
      `its addresses are called: ${[...names].join(', ') || 'nothing'}`,
  )
}

/**
 * Takes a container's name apart: `<project>-<service>-<n>`, with underscores by docker-compose 1;
 * the network's name follows after a dot. Undefined for a name of another form or service.
 */
export function parseReplica(name: string, service: string): Replica | undefined {
  const hostname = name.split('.')[0] ?? ''
  for (const separator of ['-', '_']) {
    const [project, number] = splitOnce(hostname, `${separator}${service}${separator}`)
    if (project === '' || !/^[1-9]\d{0,4}$/.test(number)) continue
    return {
      index: Number(number),
      hostname,
      hostnameOf: (other, index) => [project, other, index].join(separator),
    }
  }
  return undefined
}

/** At the last place: a project may be called like the service. */
function splitOnce(text: string, by: string): [before: string, after: string] {
  const at = text.lastIndexOf(by)
  return at < 0 ? ['', ''] : [text.slice(0, at), text.slice(at + by.length)]
}

/** What the name server calls our addresses. Not the system's way, which looks into /etc/hosts first. */
async function ownNames(): Promise<string[]> {
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
  const resolver = new Resolver({ timeout: 1_000, tries: 2 })
  const found = await Promise.all(
    addresses.map(({ address }) =>
      resolver
        .resolvePtr(`${address.split('.').toReversed().join('.')}.in-addr.arpa`)
        .catch((): string[] => []),
    ),
  )
  return found.flat()
}
