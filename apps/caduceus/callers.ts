/** Lets a request in or not: the credential, and for a token what it may do. api.md C6, E. */
import { createMiddleware } from 'hono/factory'
import type { MiddlewareHandler } from 'hono'
import { allows } from '#libs/auth/capability.ts'
import type { AuthenticateCaller, Caller } from '#libs/auth/caller.ts'
import { errorResponse } from '#libs/http/error.ts'
import type { TracedEnv } from '#libs/http/traced.ts'

/** What the routes find in their context. */
export interface CallerEnv {
  Variables: TracedEnv['Variables'] & { caller: Caller }
}

/** The middleware before every route of the API. */
export type Callers = MiddlewareHandler<CallerEnv>

/** The method of a capability that stands for all methods; upstream's sample. */
const ALL_METHODS = 'all'

/** Judges callers; a token needs a capability that begins with `prefix` for the request. */
export function createCallers(authenticate: AuthenticateCaller, prefix: string): Callers {
  return createMiddleware<CallerEnv>(async (c, next) => {
    const caller = await authenticate(c.req.raw.headers)
    if (caller.kind === 'refused') {
      const headers = caller.status === 401 ? { 'WWW-Authenticate': 'Bearer' } : {}
      return errorResponse(caller.status, caller.message, headers)
    }
    const { method, path } = c.req
    const asked = { prefix, method, path, acceptAllMethod: ALL_METHODS }
    if (caller.kind === 'jwt' && !allows(caller.capabilities, asked)) {
      return errorResponse(403, `no capability of the token allows ${method} ${path}`)
    }
    c.set('caller', caller)
    return next()
  })
}
