/** Whether a caller's capabilities allow a request: `x1:webpa:api:device/.*\/stat:get`. api.md E. */
import { RE2JS } from 're2js'

/** More capabilities than this no token has; each costs a match. */
const CAPABILITIES_MAX = 64

/** Expressions that are kept compiled: a fabric has a handful of capabilities, its tokens share them. */
const EXPRESSIONS_MAX = 128

/** A larger one is compiled each time, so that what is kept has a bound in bytes too. */
const INSTRUCTIONS_MAX = 500

/** An expression that is longer is not kept either, whatever it compiles to. */
const EXPRESSION_LENGTH_MAX = 512

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
  const endpoint = capability.slice(prefix.length, colon)
  try {
    // It matches at the path's start.
    const expression = compile(endpoint.startsWith('/') ? endpoint : `/?(?:${endpoint})`)
    const isMatch = expression.matcher(path).lookingAt()
    // What the engine cached for this path would be kept, and paths come from the caller, without a
    // bound.
    expression.reset()
    return isMatch
  } catch {
    return false
  }
}

/**
 * One for the process: an expression means the same to everybody. When it is full, the oldest goes.
 */
const compiled = new Map<string, RE2JS>()

/** A linear-time engine: the expression comes from a token. @throws for a malformed one. */
function compile(text: string): RE2JS {
  const known = compiled.get(text)
  if (known) return known
  const expression = RE2JS.compile(text)
  if (text.length > EXPRESSION_LENGTH_MAX || expression.programSize() > INSTRUCTIONS_MAX) {
    return expression
  }
  compiled.set(text, expression)
  for (const oldest of compiled.keys()) {
    if (compiled.size <= EXPRESSIONS_MAX) break
    compiled.delete(oldest)
  }
  return expression
}
