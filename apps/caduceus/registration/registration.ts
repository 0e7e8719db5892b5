/**
 * Reads what somebody posts to register a webhook, as forgiving and as strict as upstream: keys in
 * any case, unknown ones passed by, and an error that names the field. caduceus.md §1.
 */
import type { Hook } from '#apps/caduceus/webhook.ts'
import { checkHook } from './check-hook.ts'
import { asObject, fieldOf, parseJson, textOf, textsOf } from './fields.ts'
import { checkTime, readTime, type LifeRules, type RegisteredUntil } from './registered-until.ts'

/** What {@link parseRegistration} is told. */
export interface RegistrationRules extends LifeRules {
  isHttpAllowed: boolean
}

/** What was asked for. */
export interface Registration extends RegisteredUntil {
  hook: Hook
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
