/**
 * What joins the server of one region to that of another: a leaf connection, over which only the
 * subjects of the user `region` pass, and a JetStream of its own on each side. Why no gateway: ADR 14.
 */

/** A region and how it is joined. */
export interface Region {
  /** The name of its JetStream domain and of its cluster; of letters, digits and hyphens. */
  name: string
  /** Takes the connections of other regions' servers on this port of loopback. */
  listen?: { port: number }
  /** Joins the region whose server is at this URL, as its user `region`. */
  join?: { url: string }
}

/** The block `leafnodes`; empty for a server that is alone. */
export function leafText(region: Region | undefined): string {
  if (!region?.listen && !region?.join) return ''
  const { listen, join } = region
  const lines = [
    ...(listen ? [`listen: "127.0.0.1:${listen.port}"`] : []),
    // A region that was away is there again at once, and not after a wait that grew meanwhile.
    'reconnect: 1',
    ...(join ? [`remotes: [ { url: ${JSON.stringify(join.url)}, account: FABRIC } ]`] : []),
  ]
  return `leafnodes {\n  ${lines.join('\n  ')}\n}\n`
}
