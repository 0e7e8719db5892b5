/**
 * Whose a webhook is: the kind of the credential and the name in it. The name alone would not do: a
 * token may have any subject, that of a caller with a password too.
 */
import type { Caller } from '#libs/auth/caller.ts'

/** As it is kept: `basic:operator`, `jwt:operator`, `open:anybody`. */
export const ownerOf = ({ kind, principal }: Caller): string => `${kind}:${principal}`

const WITH_KIND = /^(basic|jwt|open):/

/** Whether a webhook of `owner` is the caller's. */
export type Owns = (caller: Caller, owner: string) => boolean

/**
 * The rule, for owners kept before their kind was, too: such a name is that of the caller with a
 * password where there is one of that name, or else a token's subject or the open door's. They take
 * their kind on when they are renewed.
 */
export function createOwns(basicUsers: ReadonlySet<string>): Owns {
  return (caller, owner) => {
    if (WITH_KIND.test(owner)) return owner === ownerOf(caller)
    return caller.principal === owner && (caller.kind === 'basic') === basicUsers.has(owner)
  }
}
