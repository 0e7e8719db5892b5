/**
 * Whose devices a caller may reach, as Scytale tells the Talaria that holds one. A header of the
 * request and not part of the message: the message is the caller's own word.
 */
import type { Msg, MsgHdrs } from '@nats-io/transport-node'

const PARTNERS = 'Xmidt-Caller-Partners'

/** Stands for every partner, among a caller's. */
const ALL = '*'

/** Puts a caller's partners on a request; `*` among them is all. */
export function putCallerPartners(made: MsgHdrs, partners: readonly string[]): void {
  made.set(PARTNERS, partners.map((partner) => encodeURIComponent(partner)).join(','))
}

/**
 * Whether whoever sent `message` may reach a device of these partners, compared without their case,
 * as devices do. A request without the header is no caller's: NATS' own permissions let nobody but
 * the apps and operators send one.
 */
export function mayReach(message: Msg, devicePartners: readonly string[]): boolean {
  if (!message.headers?.has(PARTNERS)) return true
  const named = message.headers.get(PARTNERS).split(',').map(decoded)
  if (named.includes(ALL)) return true
  const own = new Set(devicePartners.map((partner) => partner.toLowerCase()))
  return named.some((partner) => own.has(partner.toLowerCase()))
}

/** What is written otherwise than it is put names nobody: an empty name is no partner's. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}
