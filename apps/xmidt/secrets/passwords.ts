/** The passwords of a deployment, made once and kept in one file. */
import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import { USERS, type UserName } from '#nats/permissions.ts'

/** The users of NATS, each with a password of its own. */
export const NATS_USERS: readonly UserName[] = USERS.map(({ user }) => user)

const password = z.string().regex(/^[0-9a-f]{32,}$/, 'is no password that was made here')

const passwordsSchema = z.object({
  /** By user of NATS. */
  nats: z.record(z.enum(NATS_USERS as [UserName, ...UserName[]]), password),
  /** Of the caller `operator` at Themis, Scytale and Caduceus. */
  operator: password,
  /** With which devices get their tokens from Themis. */
  device: password,
  /** With which Caduceus seals the secrets of webhooks: 32 bytes. */
  webhookKey: password,
  /** Of Grafana's `admin`. */
  grafana: password,
})

/** What {@link makePasswords} makes. Only hexadecimal digits: they need no escape anywhere. */
export type Passwords = z.infer<typeof passwordsSchema>

/** New ones, 192 bits each. */
export function makePasswords(): Passwords {
  const make = (): string => randomBytes(24).toString('hex')
  return {
    nats: Object.fromEntries(NATS_USERS.map((user) => [user, make()])) as Passwords['nats'],
    operator: make(),
    device: make(),
    webhookKey: randomBytes(32).toString('hex'),
    grafana: make(),
  }
}

/**
 * Reads what was kept; a version that knows more users makes those that are missing.
 * @throws for anything else than what was made here.
 */
export function readPasswords(text: string): Passwords {
  const kept = JSON.parse(text) as Partial<Passwords>
  const made = makePasswords()
  return passwordsSchema.parse({ ...made, ...kept, nats: { ...made.nats, ...kept.nats } })
}
