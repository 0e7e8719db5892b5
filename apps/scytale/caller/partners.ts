/**
 * Whether a message may go out under the partners that it names, given those of its caller's token.
 * api.md B3: as upstream's enforcing check, save that a message without partners gets the token's
 * instead of a refusal.
 */

/**
 * All partners, in a token. In a message it means nothing: a genuine device with a partner answers
 * a request for `*` with 403, and ends for good over an event for it. parodus-observed.md 9.
 */
const ALL = '*'

/** The partners a message shall carry, or that it must not go out as it is. */
export type PartnerVerdict =
  /** Undefined: none are named, and none can be made of the token's `*`. */
  | { verdict: 'allowed'; partnerIds: string[] | undefined }
  /** What it names is not the caller's; `partnerIds` are the token's, for a check that only monitors. */
  | { verdict: 'foreign'; partnerIds: string[] }

/** Compares the message's partners with the token's, which must not be empty. */
export function judgePartners(
  messagePartnerIds: readonly string[] | undefined,
  tokenPartnerIds: readonly string[],
): PartnerVerdict {
  const named = (messagePartnerIds ?? []).filter((partner) => partner.trim() !== '')
  if (tokenPartnerIds.includes(ALL)) {
    const known = named.filter((partner) => partner !== ALL)
    return { verdict: 'allowed', partnerIds: known.length > 0 ? known : undefined }
  }
  const ofToken = [...tokenPartnerIds]
  if (named.length === 0) return { verdict: 'allowed', partnerIds: ofToken }
  const isAllowed = named.every((partner) => tokenPartnerIds.includes(partner))
  return isAllowed
    ? { verdict: 'allowed', partnerIds: named }
    : { verdict: 'foreign', partnerIds: ofToken }
}
