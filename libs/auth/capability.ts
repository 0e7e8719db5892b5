/** Whether a caller's capabilities allow a request: `x1:webpa:api:device/.*\/stat:get`. api.md E. */
import { RE2JS } from 're2js'

/** More capabilities than this no token has; each costs a match. */
const CAPABILITIES_MAX = 64

/** What is asked for. */
export interface CapabilityRequest {
  /** Such as `x1:webpa:api:`. */
  prefix: string
  method: string
  /** The request's path; `/api/v2` or `/api/v3` at its start does not count. */
  path: string
  /** The method of a capability that stands for all, such as `all`. */
  acceptAllMethod: string
}

/** Whether one of `capabilities` allows the request. A malformed one allows nothing. */
export function allows(capabilities: readonly string[], request: CapabilityRequest): boolean {
  const path = request.path.replace(/^\/api\/v\d+/, '')
  return capabilities
    .slice(0, CAPABILITIES_MAX)
    .some((capability) => allowsOne(capability, path, request))
}

function allowsOne(capability: string, path: string, request: CapabilityRequest): boolean {
  const { prefix, method, acceptAllMethod } = request
  const colon = capability.lastIndexOf(':')
  if (!capability.startsWith(prefix) || colon <= prefix.length) return false
  const allowedMethod = capability.slice(colon + 1)
  if (allowedMethod !== acceptAllMethod && allowedMethod !== method.toLowerCase()) return false
  try {
    // A linear-time engine: the expression comes from a token. It matches at the path's start.
    const endpoint = capability.slice(prefix.length, colon)
    return RE2JS.compile(endpoint.startsWith('/') ? endpoint : `/?(?:${endpoint})`)
      .matcher(path)
      .lookingAt()
  } catch {
    return false
  }
}
