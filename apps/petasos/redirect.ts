/** What Petasos answers: where a device shall go, or why it cannot be said. api.md A1. */
import { createOwners, type FindOwner } from '#libs/hash/rendezvous.ts'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import type { RefusalReason } from './metrics.ts'

/** A device that finds no Talaria asks again after this: one that starts is there by then. */
const RETRY_AFTER_SECONDS = 5

/**
 * Where a device is: outside, or inside the deployment's own network. The listener on which it asks
 * decides, as an address does not tell: behind a proxy or a bridge all look alike.
 */
export type Side = 'public' | 'internal'

/** The answer to one request, before it is put on the wire. */
export type Answer =
  | { kind: 'redirect'; device: DeviceId; talaria: string; location: string }
  | {
      kind: 'refused'
      reason: RefusalReason
      status: number
      text: string
      headers: Readonly<Record<string, string>>
    }

/**
 * Decides one request.
 * @param name the first value of `X-Webpa-Device-Name`.
 * @param target the request's target as it came.
 * @param talarias the live ones by id; a list that was given is not changed afterwards.
 * @param side on which side of the deployment the device is.
 */
export function answer(
  name: string | undefined,
  target: string,
  talarias: ReadonlyMap<string, TalariaEntry>,
  side: Side = 'public',
): Answer {
  if (!name) return refused('name-missing', 400, 'missing device name header')
  let device: DeviceId
  try {
    device = parseDeviceId(name)
  } catch {
    return refused('name-invalid', 400, 'invalid device name')
  }
  const talaria = choose(device, talarias)
  if (talaria === undefined) {
    return refused('no-talaria', 503, 'There are no instances available', {
      'Retry-After': String(RETRY_AFTER_SECONDS),
    })
  }
  const base = baseOf(talarias.get(talaria), side).replace(/\/+$/, '')
  return { kind: 'redirect', device, talaria, location: `${base}${pathOf(target)}` }
}

/** A Talaria that announces no internal URL is reached by its public one from everywhere. */
function baseOf(talaria: TalariaEntry | undefined, side: Side): string {
  return (side === 'internal' ? talaria?.internalUrl : undefined) ?? talaria?.url ?? ''
}

/** What was made of each list, which is a new one at each change and asked for many devices. */
const choices = new WeakMap<ReadonlyMap<string, TalariaEntry>, FindOwner>()

function choose(device: DeviceId, talarias: ReadonlyMap<string, TalariaEntry>): string | undefined {
  const known = choices.get(talarias)
  if (known) return known(device)
  const choice = choiceOf(talarias)
  choices.set(talarias, choice)
  return choice(device)
}

/** Those that drain get nobody, unless nobody else is there: held there is better than not at all. */
function choiceOf(talarias: ReadonlyMap<string, TalariaEntry>): FindOwner {
  const members = [...talarias].map(([id, { weight, draining }]) => ({ id, weight, draining }))
  const taking = members.filter(({ draining }) => !draining)
  return createOwners(taking.length > 0 ? taking : members)
}

/** A target that is a path already, as nearly all are: nothing of it has to be changed. */
const PLAIN_PATH = /^\/(?:[\u0021-\u007e]*[\u0021-\u002e\u0030-\u007e])$/

/** Path and query, never the host that an absolute target names; no slash at the end, as upstream. */
function pathOf(target: string): string {
  if (PLAIN_PATH.test(target)) return target
  const path = target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '')
  const trimmed = path.startsWith('/') ? path.replace(/\/+$/, '') : ''
  return trimmed.replaceAll(/[^\u0021-\u007e]/g, (character) => encodeURIComponent(character))
}

function refused(
  reason: RefusalReason,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return { kind: 'refused', reason, status, text, headers }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
}

/** The page that upstream sends with a redirect of a GET. */
export function redirectPage(location: string): string {
  const escaped = location.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? character)
  return `<a href="${escaped}">Temporary Redirect</a>.\n\n`
}
