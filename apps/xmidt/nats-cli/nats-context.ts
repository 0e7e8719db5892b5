/** Contexts of the `nats` command: who a person is towards the fabric's NATS, ready to be named. */
import type { UserName } from '#nats/permissions.ts'

/** The users that are people. The descriptions also tell a context of ours from somebody else's. */
const PEOPLE = {
  tools: "XMiDT: people's tools, outside the fabric; may watch everything and disturb nothing",
  operator: 'XMiDT: inside the fabric, by an allow-list; streams, buckets, consumers, Talarias',
  system: 'XMiDT: what the nats-servers tell of themselves',
} as const satisfies Partial<Record<UserName, string>>

/** A user that a person is. */
export type Person = keyof typeof PEOPLE

/** All of them. */
export const PERSONS = Object.keys(PEOPLE) as Person[]

/** The context that is chosen where nobody names one: it cannot hurt. */
const CHOSEN: Person = 'tools'

/** What {@link contextFiles} needs. */
export interface ContextOptions {
  /** Servers, comma separated, without user and password. */
  url: string
  /** Of those users for whom a context shall be. */
  passwords: Partial<Readonly<Record<Person, string>>>
  /** The file that says who signed the servers' certificates. */
  ca?: string | undefined
}

/** The name of a person's context. */
export const contextName = (person: Person): string => `xmidt-${person}`

/** The contexts by file name, each whole. */
export function contextFiles({ url, passwords, ca }: ContextOptions): Record<string, string> {
  const made: Record<string, string> = {}
  for (const user of PERSONS) {
    const password = passwords[user]
    if (!password) continue
    const context = {
      description: PEOPLE[user],
      url,
      user,
      password,
      // Nobody but this user may read its replies.
      inbox_prefix: `_INBOX_${user}`,
      ...(ca !== undefined && { ca }),
    }
    made[`${contextName(user)}.json`] = `${JSON.stringify(context, null, 2)}\n`
  }
  return made
}

/** The same as they lie beneath a directory that XDG_CONFIG_HOME names, one of them chosen. */
export function contextTree(options: ContextOptions): Record<string, string> {
  const files = Object.entries(contextFiles(options))
  return {
    ...Object.fromEntries(files.map(([name, text]) => [`nats/context/${name}`, text])),
    'nats/context.txt': contextName(CHOSEN),
  }
}

/** Whether a context was written here, whatever server and password it has by now. */
export function isOwnContext(text: string): boolean {
  try {
    const { description } = JSON.parse(text) as { description?: unknown }
    return (Object.values(PEOPLE) as unknown[]).includes(description)
  } catch {
    return false
  }
}
