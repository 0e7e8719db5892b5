/** What a webhook may ask for: its URLs, its secret, and what its patterns may cost. */
import { compilePattern, instructionCountAtMost } from '#apps/caduceus/delivery/matching/pattern.ts'
import type { Hook } from '#apps/caduceus/webhook.ts'
import { invalid, type RegistrationError } from './registration-error.ts'

/** Each pattern is tried on each event; nobody needs more of them, or longer ones. */
const PATTERNS_MAX = 100
const PATTERN_LENGTH_MAX = 1_024

/**
 * RE2 instructions of all patterns of a webhook together: what an event may cost it. With so many a
 * source or destination of 512 characters is judged in milliseconds.
 */
const INSTRUCTIONS_MAX = 500

/** A pattern that may have more is not even compiled: it would take time from everybody. */
const COMPILED_INSTRUCTIONS_MAX = 4 * INSTRUCTIONS_MAX

/** Receivers that take turns; more are a load balancer's business. */
const ALT_URLS_MAX = 16

/** Longer URLs fail at servers and proxies anyway. */
const URL_LENGTH_MAX = 2_048

/** As it is kept: all webhooks of one owner fill no more than half of the bucket's 64 MiB, in which those of all are. */
const HOOK_BYTES_MAX = 32 * 1_024

/** No media type is as long. */
const CONTENT_TYPE_LENGTH_MAX = 256

/** A key longer than a hash's block is hashed first and gains nothing. */
const SECRET_LENGTH_MAX = 512

/** All URLs of a hook, each with the field that it stands in. */
export function urlsOf({ config, failure_url: failureUrl }: Hook): [field: string, url: string][] {
  return [
    ['config.url', config.url],
    ...(failureUrl === '' ? [] : [['failure_url', failureUrl] as [string, string]]),
    ...(config.alt_urls ?? []).map((url): [string, string] => ['config.alt_urls', url]),
  ]
}

/** @throws {RegistrationError} that names the field. Addresses are not looked up here. */
export function checkHook(hook: Hook, { isHttpAllowed }: { isHttpAllowed: boolean }): void {
  const { config, events, matcher } = hook
  for (const [field, url] of urlsOf(hook)) checkUrl(field, url, isHttpAllowed)
  if ((config.alt_urls?.length ?? 0) > ALT_URLS_MAX) {
    throw invalid(`config.alt_urls: more than ${ALT_URLS_MAX}`)
  }
  if ((config.secret?.length ?? 0) > SECRET_LENGTH_MAX) {
    throw invalid(`config.secret: longer than ${SECRET_LENGTH_MAX} characters`)
  }
  if (config.content_type.length > CONTENT_TYPE_LENGTH_MAX) {
    throw invalid(`config.content_type: longer than ${CONTENT_TYPE_LENGTH_MAX} characters`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(hook))
  if (bytes > HOOK_BYTES_MAX) {
    throw invalid(`webhook: ${bytes} bytes in all, and it may have ${HOOK_BYTES_MAX}`)
  }
  if (events.length === 0) throw invalid('events: cannot have zero events')
  const ofEvents = checkPatterns(['events', 'event'], events, 0)
  checkPatterns(['matcher.device_id', 'deviceID'], matcher.device_id, ofEvents)
}

function checkUrl(field: string, text: string, isHttpAllowed: boolean): void {
  const fail = (reason: string): never => {
    throw invalid(`${field}: ${reason}`)
  }
  if (text === '') fail('url cannot be an empty string')
  if (text.length > URL_LENGTH_MAX) fail(`longer than ${URL_LENGTH_MAX} characters`)
  const url = URL.canParse(text) ? new URL(text) : fail('is no absolute URL')
  const scheme = url.protocol.slice(0, -1)
  if (scheme === 'http' && !isHttpAllowed) fail('URL scheme is not HTTPS: http')
  if (scheme !== 'http' && scheme !== 'https') fail(`bad URL protocol: ${scheme}`)
  // It would be shown in every list of webhooks.
  if (url.username !== '' || url.password !== '') fail('must not hold a user or password')
}

/** Returns how many instructions there are with these patterns. */
function checkPatterns(
  [field, what]: [field: string, what: string],
  patterns: readonly string[],
  countBefore: number,
): number {
  if (patterns.length > PATTERNS_MAX) throw invalid(`${field}: more than ${PATTERNS_MAX} patterns`)
  let count = countBefore
  for (const [index, pattern] of patterns.entries()) {
    const at = `${field}[${index}]`
    if (pattern.length > PATTERN_LENGTH_MAX) {
      throw invalid(`${at}: longer than ${PATTERN_LENGTH_MAX} characters`)
    }
    const tooMany = (said: string): RegistrationError =>
      invalid(`${at}: ${said} RE2 instructions, and a webhook may have ${INSTRUCTIONS_MAX}`)
    const atMost = instructionCountAtMost(pattern)
    if (atMost > COMPILED_INSTRUCTIONS_MAX) throw tooMany(`the pattern has about ${atMost}`)
    try {
      count += compilePattern(pattern).instructionCount
    } catch (error) {
      throw invalid(`${at}: ${what} cannot be parsed: ${(error as Error).message}`)
    }
    if (count > INSTRUCTIONS_MAX) throw tooMany(`with it the patterns have ${count}`)
  }
  return count
}
