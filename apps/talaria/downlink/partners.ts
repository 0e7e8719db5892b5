/**
 * Whether a message may go to a device, by the partners of both. A genuine device with a partner
 * ends for good over an event that names none of its partners, and answers a request for another's
 * with 403: so that is said here, before it reaches the device. parodus-observed.md 9.
 */
import { PARTNER_UNKNOWN } from '#apps/talaria/session/identity.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'

/**
 * What the device may get: the message as it is, the same with the device's partners on it, or
 * `foreign`, as it names partners and none of them is the device's. Names are compared without
 * their case, as the device does.
 */
export function forPartners(
  message: WrpMessage,
  devicePartnerIds: readonly string[],
): WrpMessage | 'foreign' {
  const named = (message.partner_ids ?? []).filter((partner) => partner.trim() !== '')
  if (named.length === 0) {
    const needsPartner = message.msg_type === MSG_TYPE.event
    return needsPartner ? { ...message, partner_ids: [...devicePartnerIds] } : message
  }
  // Nothing is known of the device, so there is nothing to compare.
  if (devicePartnerIds.every((partner) => partner === PARTNER_UNKNOWN)) return message
  const own = new Set(devicePartnerIds.map((partner) => partner.toLowerCase()))
  return named.some((partner) => own.has(partner.toLowerCase())) ? message : 'foreign'
}
