/** What the system's look-up reads before and beside its name servers: hosts(5), resolv.conf(5). */
import { isIP } from 'node:net'

/** As many suffixes as the system's look-up tries. */
const SUFFIXES_MAX = 6

/** RFC 6761: this machine, whatever a name server says. */
const LOCALHOST = /(?:^|\.)localhost$/

/** The addresses that the hosts file has for a name. */
export function addressesIn(hosts: string, hostname: string): string[] {
  const found = hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    return isIP(address) !== 0 && names.some((name) => name.toLowerCase() === hostname)
      ? [address]
      : []
  })
  if (found.length === 0 && LOCALHOST.test(hostname)) return ['127.0.0.1', '::1']
  return found
}

/** The suffixes that are tried after a name. */
export function searchIn(resolvConf: string): string[] {
  const lines = resolvConf.split('\n').map((line) => line.trim().split(/\s+/))
  const last = lines.findLast(([keyword]) => keyword === 'search' || keyword === 'domain') ?? []
  return last.slice(1, 1 + SUFFIXES_MAX).filter((suffix) => suffix !== '.')
}
