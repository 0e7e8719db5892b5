/**
 * Reads what somebody posts to register a webhook, as forgiving and as strict as upstream: keys in
 * any case, unknown ones passed by, and an error that names the field. caduceus.md §1.
 */
import { compilePattern, instructionCountAtMost } from '#apps/caduceus/delivery/matching/pattern.ts'
import type { Hook } from '#apps/caduceus/webhook.ts'
import { parseDuration, formatDuration } from './duration.ts'

/** Clocks differ: `until` may be this much later than allowed. Upstream's sample. */
const UNTIL_JITTER_MS = 10_000

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

/** A key longer than a hash's block is hashed first and gains nothing. */
const SECRET_LENGTH_MAX = 512

/** A registration is none; `message` is fit for whoever sent it. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError'
  readonly code: 'REGISTRATION_MALFORMED' | 'REGISTRATION_INVALID'

  constructor(code: RegistrationError['code'], message: string) {
    const stage =
      code === 'REGISTRATION_MALFORMED' ? 'to JSON unmarshal webhook' : 'webhook validation'
    super(`failed ${stage}: ${message}`)
    this.code = code
  }
}

/** What {@link parseRegistration} is told. */
export interface RegistrationRules {
  nowMs: number
  /** The longest life of a registration. */
  durationMsMax: number
  /** Version 2 of the API: a time that is missing or wrong becomes the longest one, with a warning. */
  isLenient: boolean
  isHttpAllowed: boolean
}

/** What was asked for. */
export interface Registration {
  hook: Hook
  untilMs: number
  /** Why the time is not the one that was asked for. */
  warning: string | undefined
}

/** @throws {RegistrationError} naming the field. Addresses are not looked up here. */
export function parseRegistration(text: string, rules: RegistrationRules): Registration {
  const body = asObject(parseJson(text), 'webhook')
  const config = asObject(fieldOf(body, 'config') ?? {}, 'config')
  const matcher = asObject(fieldOf(body, 'matcher') ?? {}, 'matcher')
  const hook: Hook = {
    registered_from_address: '',
    config: {
      url: textOf(config, 'url', 'config.url'),
      content_type: textOf(config, 'content_type', 'config.content_type'),
    },
    failure_url: textOf(body, 'failure_url', 'failure_url'),
    events: textsOf(body, 'events', 'events'),
    matcher: { device_id: textsOf(matcher, 'device_id', 'matcher.device_id') },
  }
  const secret = textOf(config, 'secret', 'config.secret')
  if (secret !== '') hook.config.secret = secret
  const others = textsOf(config, 'alt_urls', 'config.alt_urls')
  if (others.length > 0) hook.config.alt_urls = others
  const time = readTime(body, rules)
  checkHook(hook, rules)
  if (hook.matcher.device_id.length === 0) hook.matcher.device_id = ['.*']
  return { hook, ...checkTime(time, rules) }
}

/** All URLs of a hook, each with the field that it stands in. */
export function urlsOf({ config, failure_url: failureUrl }: Hook): [field: string, url: string][] {
  return [
    ['config.url', config.url],
    ...(failureUrl === '' ? [] : [['failure_url', failureUrl] as [string, string]]),
    ...(config.alt_urls ?? []).map((url): [string, string] => ['config.alt_urls', url]),
  ]
}

/** A refusal that names the field. */
export const invalid = (message: string): RegistrationError =>
  new RegistrationError('REGISTRATION_INVALID', message)

function checkHook(hook: Hook, { isHttpAllowed }: RegistrationRules): void {
  const { config, events, matcher } = hook
  for (const [field, url] of urlsOf(hook)) checkUrl(field, url, isHttpAllowed)
  if ((config.alt_urls?.length ?? 0) > ALT_URLS_MAX) {
    throw invalid(`config.alt_urls: more than ${ALT_URLS_MAX}`)
  }
  if ((config.secret?.length ?? 0) > SECRET_LENGTH_MAX) {
    throw invalid(`config.secret: longer than ${SECRET_LENGTH_MAX} characters`)
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

interface Time {
  durationMs: number | undefined
  untilMs: number | undefined
  /** What could not be read, and why. */
  fault: string | undefined
}

function readTime(body: Record<string, unknown>, { isLenient }: RegistrationRules): Time {
  const time: Time = { durationMs: undefined, untilMs: undefined, fault: undefined }
  const refuse = (fault: string): void => {
    if (!isLenient) throw new RegistrationError('REGISTRATION_MALFORMED', fault)
    time.fault = fault
  }
  const duration = ownField(body, 'duration')
  if (duration.isThere) {
    time.durationMs = parseDuration(duration.value)
    if (time.durationMs === undefined) {
      const shown = (JSON.stringify(duration.value) ?? '').slice(0, 80)
      refuse(`duration must be of type int or string (ex:'5m'); Invalid value: ${shown}`)
    }
  }
  const until = fieldOf(body, 'until')
  if (until === undefined || until === '') return time
  const atMs = typeof until === 'string' ? Date.parse(until) : Number.NaN
  // Go's zero time, which its clients send for "absent".
  if (typeof until === 'string' && until.startsWith('0001-01-01T00:00:00')) return time
  if (Number.isNaN(atMs)) refuse('until must be a time in the form of RFC 3339')
  else time.untilMs = atMs
  return time
}

function checkTime(
  { durationMs, untilMs, fault }: Time,
  { nowMs, durationMsMax, isLenient }: RegistrationRules,
): Pick<Registration, 'untilMs' | 'warning'> {
  const max = formatDuration(durationMsMax)
  const found = ((): number | string => {
    if (fault !== undefined) return fault
    // `until` wins if both are given.
    if (untilMs !== undefined) {
      return untilMs <= nowMs + durationMsMax + UNTIL_JITTER_MS
        ? untilMs
        : `until: value of webhook is out of bounds: ${new Date(untilMs).toISOString()} is more than ${max} from now`
    }
    // Go's clients send a zero duration for "absent" too, but beside an `until`.
    if (durationMs === undefined) return 'duration: until and duration are both absent'
    return durationMs >= 0 && durationMs <= durationMsMax
      ? nowMs + durationMs
      : `duration: value of webhook is out of bounds: ${formatDuration(durationMs)} not between 0 and ${max}`
  })()
  if (typeof found === 'number') return { untilMs: found, warning: undefined }
  if (!isLenient) throw invalid(found)
  return { untilMs: nowMs + durationMsMax, warning: `${found}; the webhook expires in ${max}` }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RegistrationError('REGISTRATION_MALFORMED', (error as Error).message)
  }
}

/** Go's readers take a key in any case; the exact one goes first. */
function ownField(
  body: Record<string, unknown>,
  name: string,
): { isThere: boolean; value?: unknown } {
  const key = Object.hasOwn(body, name)
    ? name
    : Object.keys(body).find((each) => each.toLowerCase() === name)
  return key === undefined ? { isThere: false } : { isThere: true, value: body[key] }
}

const fieldOf = (body: Record<string, unknown>, name: string): unknown =>
  ownField(body, name).value ?? undefined

function asObject(value: unknown, field: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw wrongType(field, 'object')
}

function textOf(body: Record<string, unknown>, name: string, field: string): string {
  const value = fieldOf(body, name) ?? ''
  if (typeof value !== 'string') throw wrongType(field, 'string')
  return value
}

function textsOf(body: Record<string, unknown>, name: string, field: string): string[] {
  const value = fieldOf(body, name) ?? []
  if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) {
    throw wrongType(field, '[]string')
  }
  return value as string[]
}

const wrongType = (field: string, type: string): RegistrationError =>
  new RegistrationError('REGISTRATION_MALFORMED', `${field} must be of type ${type}`)
