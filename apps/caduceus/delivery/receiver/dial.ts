/**
 * Connections to receivers. The address is checked at the moment it is dialled, after the name was
 * resolved: a check at registration alone would be passed by a name that changes its mind.
 */
import { isIP, isIPv6, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { AddressGuard } from './addresses.ts'
import type { Resolver } from './resolver.ts'

/** A connection that takes longer is to a host that is not there. */
const CONNECT_MS = 5_000

/** Idle connections are kept a little: events come in bursts. */
const KEEP_ALIVE_MS = 10_000

/** The receiver's address is one that may not be dialled. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
  readonly code = 'ADDRESS_REFUSED'
}

/** A dispatcher that dials only what `guard` allows, and no proxy. Close it at the end. */
export function createDialer(guard: AddressGuard, resolver: Resolver): Dispatcher {
  const connect = buildConnector({
    timeout: CONNECT_MS,
    lookup: guardedLookup(guard, resolver),
    // The loop of webhooks needs no second protocol, and upstream speaks HTTP/1.1.
    allowH2: false,
  })
  return new Agent({
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: (options, callback) => {
      // A literal address is never looked up, so the look-up cannot refuse it.
      const literal = bare(options.hostname)
      if (isIP(literal) !== 0 && !guard.allows(literal)) callback(refused(literal), null)
      else connect(options, callback)
    },
  })
}

/** A host of a URL without the brackets of IPv6. */
export const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '')

function guardedLookup(guard: AddressGuard, resolver: Resolver): LookupFunction {
  const look = async (
    ...[hostname, options, callback]: Parameters<LookupFunction>
  ): Promise<void> => {
    let addresses: readonly string[]
    try {
      // Looked up by the attempt just now, with its owner's turn; so here it is only found again.
      addresses = await resolver.resolve(hostname)
    } catch (error) {
      return callback(error as Error, '')
    }
    const allowed = addresses
      .filter((address) => guard.allows(address))
      .map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
    const [first] = allowed
    if (!first) return callback(refused(hostname), '')
    if (options.all) callback(null, allowed)
    else callback(null, first.address, first.family)
  }
  return (...asked) => void look(...asked)
}

const refused = (host: string): AddressRefusedError =>
  new AddressRefusedError(`${host} is no address that receivers may have`)
