/** The headers by which an answer tells which Scytale gave it. api.md F. */
import type { MiddlewareHandler } from 'hono'
import type { ScytaleConfig } from '#apps/scytale/config.ts'

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** Puts `X-Scytale-*` on every answer. */
export function identity(config: ScytaleConfig, started: Date): MiddlewareHandler {
  const headers = {
    'X-Scytale-Build': config.SCYTALE_BUILD,
    'X-Scytale-Server': config.SCYTALE_SERVER,
    'X-Scytale-Region': config.SCYTALE_REGION,
    'X-Scytale-Flavor': config.SCYTALE_FLAVOR,
    'X-Scytale-Start-Time': rfc822(started),
  }
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
