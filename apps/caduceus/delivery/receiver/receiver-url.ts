/** The URL of a receiver, taken apart once and not for each POST. */
import { bare } from './dial.ts'

/** URLs that are kept; the one that came first goes first. */
const KEPT_MAX = 10_000

/** A URL of `http:` or `https:` as a POST needs it. */
export interface ReceiverUrl {
  readonly origin: string
  /** With its query. */
  readonly path: string
  /** Without the brackets of IPv6. */
  readonly hostname: string
  readonly port: number
  readonly scheme: 'http' | 'https'
}

/** Takes URLs apart; undefined for what is not a URL. */
export function createReceiverUrls(): (url: string) => ReceiverUrl | undefined {
  const kept = new Map<string, ReceiverUrl>()
  return (url) => {
    const known = kept.get(url)
    if (known || !URL.canParse(url)) return known
    const { origin, pathname, search, hostname, port, protocol } = new URL(url)
    const scheme = protocol === 'https:' ? 'https' : 'http'
    const made: ReceiverUrl = {
      origin,
      path: `${pathname}${search}`,
      hostname: bare(hostname),
      port: port === '' ? (scheme === 'https' ? 443 : 80) : Number(port),
      scheme,
    }
    kept.set(url, made)
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value ?? '')
    return made
  }
}
