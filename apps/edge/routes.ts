/** Where a port leads, as EDGE_ROUTES says it. */

/** More ports than this are a mistake in writing. */
const PORTS_MAX = 100

/** One port and what is behind it. */
export interface Route {
  port: number
  service: string
  targetPort: number
  /** The one container of the service that is meant; undefined: any. */
  replica: number | undefined
}

/**
 * Reads `port=service:port` and `first-last=service:port`.
 * @throws {Error} that says what is wrong with which.
 */
export function parseRoutes(texts: readonly string[]): Route[] {
  const routes = texts.flatMap(parseRoute)
  const ports = routes.map(({ port }) => port)
  const twice = ports.find((port, index) => ports.indexOf(port) !== index)
  if (twice !== undefined) throw new Error(`names port ${twice} twice`)
  if (ports.length > PORTS_MAX) throw new Error(`has more than ${PORTS_MAX} ports`)
  return routes
}

function parseRoute(text: string): Route[] {
  const parts = text.match(/^(\d{1,5})(?:-(\d{1,5}))?=([A-Za-z0-9._-]+):(\d{1,5})$/)
  const [first, last, targetPort] = [parts?.[1], parts?.[2] ?? parts?.[1], parts?.[4]].map(Number)
  const service = parts?.[3]
  if (
    service === undefined ||
    !isPort(first) ||
    !isPort(last) ||
    !isPort(targetPort) ||
    last < first ||
    last - first >= PORTS_MAX
  ) {
    throw new Error(`must be such as 6000=caduceus:6000 or 6200-6215=talaria:6200, not "${text}"`)
  }
  const isRange = parts?.[2] !== undefined
  return Array.from({ length: last - first + 1 }, (_, index) => ({
    port: first + index,
    service,
    targetPort,
    replica: isRange ? index + 1 : undefined,
  }))
}

const isPort = (number: number | undefined): number is number =>
  number !== undefined && number >= 0 && number <= 65_535
