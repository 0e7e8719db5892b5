/**
 * The addresses of receivers' names. Not by the system's own look-up, which has four threads for the
 * whole process: eighteen names whose servers do not answer would stop everybody's deliveries. These
 * look-ups can be cancelled, are few for each owner, and are kept for as long as the name's own
 * server says.
 */
import { Resolver as Query } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { addressesIn, searchIn } from './hosts-files.ts'
import { createTurns } from './turns.ts'

/** A name that takes longer to resolve will not do. */
const LOOKUP_MS = 4_000

/** A server is asked once more after this, for what a network loses. */
const QUERY_MS = 1_500
const QUERY_TRIES = 2

/** Names that one owner has looked up at once; more of them wait. */
const OWNER_LOOKUPS_MAX = 8

/** How long an answer is used, whatever its server says: rebinding must not cost more than asking. */
const KEPT_MS_MIN = 1_000
const KEPT_MS_MAX = 60_000

/** A name that there is not is asked for again after this. */
const MISSING_KEPT_MS = 2_000

/** Names that are kept; the one asked for longest ago goes first. */
const KEPT_MAX = 10_000

/** Finds addresses; all of them, whether or not they may be dialled. */
export interface Resolver {
  /**
   * @param owner whose turn it takes; none for what was looked up just now.
   * @throws {NameError}
   */
  resolve(hostname: string, owner?: string): Promise<readonly string[]>
  /** Whether {@link resolve} would ask nobody: an address, or a name whose answer is still used. */
  isKnown(hostname: string): boolean
  /** Ends what is under way. */
  [Symbol.dispose](): void
}

/** A name has no address, or its servers did not say in time. */
export class NameError extends Error {
  override readonly name = 'NameError'
  readonly code = 'NAME_NOT_RESOLVED'
}

/** What {@link createResolver} may be told. */
export interface ResolverOptions {
  /** Name servers, `address` or `address:port`; none for the system's. */
  servers?: readonly string[]
  hostsFile?: string
  resolvFile?: string
}

interface Kept {
  addresses: readonly string[]
  untilMs: number
}

/** Nothing asked yet. */
export function createResolver({
  servers = [],
  hostsFile = '/etc/hosts',
  resolvFile = '/etc/resolv.conf',
}: ResolverOptions = {}): Resolver {
  const kept = new Map<string, Kept>()
  const underWay = new Map<string, Promise<Kept>>()
  const turns = createTurns(OWNER_LOOKUPS_MAX)
  const ending = new AbortController()

  const lookUp = async (hostname: string): Promise<Kept> => {
    const inFile = addressesIn(await textOf(hostsFile), hostname)
    if (inFile.length > 0) return keptFor(inFile, KEPT_MS_MIN)
    const suffixes = servers.length > 0 ? [] : searchIn(await textOf(resolvFile))
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(LOOKUP_MS)])
    for (const suffix of ['', ...suffixes.map((each) => `.${each}`)]) {
      const found = await query(`${hostname}${suffix}`, servers, signal)
      if (found) return found
      if (signal.aborted) break
    }
    return keptFor([], MISSING_KEPT_MS)
  }
  const lookOnce = (hostname: string): Promise<Kept> => {
    const known = underWay.get(hostname)
    if (known) return known
    const looking = lookUp(hostname)
      .then((found) => {
        kept.delete(hostname)
        kept.set(hostname, found)
        if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value ?? '')
        return found
      })
      .finally(() => underWay.delete(hostname))
    underWay.set(hostname, looking)
    return looking
  }
  const findKept = (hostname: string): Kept | undefined => {
    const found = kept.get(hostname)
    return found && found.untilMs > performance.now() ? found : undefined
  }
  return {
    isKnown: (hostname) =>
      isIP(hostname) !== 0 || (findKept(nameOf(hostname))?.addresses.length ?? 0) > 0,
    async resolve(hostname, owner) {
      const name = nameOf(hostname)
      if (isIP(name) !== 0) return [name]
      const look = async (): Promise<Kept> => findKept(name) ?? lookOnce(name)
      const { addresses } =
        findKept(name) ?? (await (owner === undefined ? look() : turns.take(owner, look)))
      if (addresses.length === 0) throw new NameError(`${hostname} has no address`)
      return addresses
    },
    [Symbol.dispose]: () => ending.abort(),
  }
}

/** Undefined for a name that there is not, or that nobody knew in time. */
async function query(
  name: string,
  servers: readonly string[],
  signal: AbortSignal,
): Promise<Kept | undefined> {
  const query = new Query({ timeout: QUERY_MS, tries: QUERY_TRIES })
  if (servers.length > 0) query.setServers(servers)
  const cancel = (): void => query.cancel()
  signal.addEventListener('abort', cancel)
  try {
    if (signal.aborted) return undefined
    const answers = await Promise.allSettled([
      query.resolve4(name, { ttl: true }),
      query.resolve6(name, { ttl: true }),
    ])
    const records = answers.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
    if (records.length === 0) return undefined
    const seconds = Math.min(...records.map(({ ttl }) => ttl))
    return keptFor(
      records.map(({ address }) => address),
      seconds * 1_000,
    )
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

const nameOf = (hostname: string): string => hostname.replace(/\.$/, '').toLowerCase()

const keptFor = (addresses: readonly string[], ms: number): Kept => ({
  addresses,
  untilMs: performance.now() + Math.min(KEPT_MS_MAX, Math.max(KEPT_MS_MIN, ms)),
})

const textOf = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '')
