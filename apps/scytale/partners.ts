/**
 * Whether a message may go out under the partners that it names, given those of its caller's token.
 * api.md B3: as upstream's enforcing check, save that a message without partners gets the token's
 * instead of a refusal, so that no message leaves unlabelled.
 */

/** All partners, in a token. */
const ALL = '*'

/** The partners a message shall carry, or that it must not go out as it is. */
export type PartnerVerdict =
  | { verdict: 'allowed'; partnerIds: string[] }
  /** What it names is not the caller's; `partnerIds` are the token's, for a check that only monitors. */
  | { verdict: 'foreign'; partnerIds: string[] }

/** Compares the message's partners with the token's, which must not be empty. */
export function judgePartners(
  messagePartnerIds: readonly string[] | undefined,
  tokenPartnerIds: readonly string[],
): PartnerVerdict {
  const named = (messagePartnerIds ?? []).filter((partner) => partner.trim() !== '')
  if (named.length === 0) return { verdict: 'allowed', partnerIds: [...tokenPartnerIds] }
  const isAllowed = (partner: string): boolean => tokenPartnerIds.includes(partner)
  if (tokenPartnerIds.includes(ALL) || named.every(isAllowed)) {
    return { verdict: 'allowed', partnerIds: named }
  }
  return { verdict: 'foreign', partnerIds: [...tokenPartnerIds] }
}
