/**
 * Which addresses receivers may have. Whoever registers a webhook makes this process send POSTs
 * where he likes: never to what only the inside of the network can reach.
 */
import { BlockList, isIP, isIPv6 } from 'node:net'

/** Not the public internet: IANA's special-purpose registries, and what embeds an IPv4 address. */
const REFUSED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Within what is handed out of IPv6: protocols, tunnels that embed an IPv4 address, examples.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
]

/**
 * All that IANA hands out of IPv6. Outside are loopback, links, private networks, and a dozen forms
 * that embed an IPv4 address, which a translator on the way may turn into a private one.
 */
const GLOBAL_IPV6 = '2000::/3'

/** `CADUCEUS_ADDRESSES_ALLOWED` names something that is no network. */
class NetworkMalformedError extends Error {
  override readonly name = 'NetworkMalformedError'
  readonly code = 'NETWORK_MALFORMED'
}

/** Says whether an address may be dialled. */
export interface AddressGuard {
  allows(address: string): boolean
}

/**
 * A guard that allows public addresses, and those in one of the `allowed` networks.
 * @throws {NetworkMalformedError}
 */
export function createAddressGuard(allowed: readonly string[]): AddressGuard {
  const allowedList = networks(allowed)
  const refusedList = networks(REFUSED)
  const globalList = networks([GLOBAL_IPV6])
  return {
    allows(address) {
      if (isIP(address) === 0) return false
      // A list compares an IPv4-mapped address with its IPv4 networks by itself.
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (allowedList.check(address, family)) return true
      if (family === 'ipv6' && !globalList.check(address, family)) return false
      return !refusedList.check(address, family)
    },
  }
}

function networks(texts: readonly string[]): BlockList {
  const made = new BlockList()
  for (const text of texts) {
    const [address = '', prefix, ...rest] = text.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix)
    try {
      if (rest.length > 0 || !/^\d*$/.test(prefix ?? '') || prefix === '') throw new Error('form')
      made.addSubnet(address, bits, family)
    } catch (error) {
      throw new NetworkMalformedError(
        `"${text}" is no network such as 10.0.0.0/8 (CADUCEUS_ADDRESSES_ALLOWED)`,
        { cause: error },
      )
    }
  }
  return made
}
