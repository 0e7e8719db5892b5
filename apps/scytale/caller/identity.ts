/** The headers by which an answer tells which Scytale gave it. api.md F. */
import type { MiddlewareHandler } from 'hono'
import type { ScytaleConfig } from '#apps/scytale/config.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** The headers, in small letters; every answer has them. */
export const identityOf = (config: ScytaleConfig, started: Date) => ({
  'x-scytale-build': config.SCYTALE_BUILD,
  'x-scytale-server': config.SCYTALE_SERVER,
  'x-scytale-region': config.SCYTALE_REGION,
  'x-scytale-flavor': config.SCYTALE_FLAVOR,
  'x-scytale-start-time': rfc822(started),
})

/** What {@link identityOf} makes. */
export type Identity = ReturnType<typeof identityOf>

/** Puts {@link identityOf} on every answer. */
export function identified(headers: Identity): MiddlewareHandler {
  return async (c, next) => {
    await next()
    for (const [name, value] of Object.entries(headers)) c.header(name, value)
  }
}

/** RFC 822 with a year of two digits, in UTC: `26 Aug 19 18:43 UTC`. */
function rfc822(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const date = `${two(time.getUTCDate())} ${MONTHS[time.getUTCMonth()]} ${two(time.getUTCFullYear() % 100)}`
  return `${date} ${two(time.getUTCHours())}:${two(time.getUTCMinutes())} UTC`
}
