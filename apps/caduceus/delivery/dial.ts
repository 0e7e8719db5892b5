/**
 * Connections to receivers. The address is checked at the moment it is dialled, after the name was
 * resolved: a check at registration alone would be passed by a name that changes its mind.
 */
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import type { AddressGuard } from './addresses.ts'

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
export function createDialer(guard: AddressGuard): Dispatcher {
  const connect = buildConnector({
    timeout: CONNECT_MS,
    lookup: guardedLookup(guard),
    // The loop of webhooks needs no second protocol, and upstream speaks HTTP/1.1.
    allowH2: false,
  })
  return new Agent({
    keepAliveTimeout: KEEP_ALIVE_MS,
    connect: (options, callback) => {
      // A literal address is never looked up, so the look-up cannot refuse it.
      const literal = options.hostname.replace(/^\[|\]$/g, '')
      if (isIP(literal) !== 0 && !guard.allows(literal)) callback(refused(literal), null)
      else connect(options, callback)
    },
  })
}

/** Whether the host of a URL can be dialled: what of its addresses the guard allows. */
export async function addressesOf(hostname: string, guard: AddressGuard): Promise<string[]> {
  const literal = hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) return guard.allows(literal) ? [literal] : []
  const found = await new Promise<LookupAddress[]>((done, fail) =>
    resolve(literal, { all: true }, (error, addresses) => (error ? fail(error) : done(addresses))),
  )
  return found.map(({ address }) => address).filter((address) => guard.allows(address))
}

function guardedLookup(guard: AddressGuard): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      const allowed = addresses.filter(({ address }) => guard.allows(address))
      const [first] = allowed
      if (!first) return callback(refused(hostname), '')
      if (options.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

const refused = (host: string): AddressRefusedError =>
  new AddressRefusedError(`${host} is no address that receivers may have`)
