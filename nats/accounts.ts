/**
 * The accounts and their users as nats-server reads them, made of `permissions.ts`. Tools are in
 * an account of their own, so that somebody who watches everything is no subscriber of the
 * commands: "no responders", and so the 404, stays definite (ADR 19). The imports are what they may
 * see.
 */
import { TOOLS_IMPORTS, USERS, type UserPermissions } from './permissions.ts'

/**
 * Consumers of the whole account: those of CADUCEUS_WEBHOOKS_MAX webhooks, twice while they are
 * renamed, and everybody's watches. Said here, as newer servers take 1,000 a stream where nothing is.
 */
const CONSUMERS_MAX = 20_000

/** A person's mistake in TOOLS shall not take what the apps need: their connections. */
const TOOLS_LIMITS = { connections: 100, subscriptions: 10_000 }

/** What {@link accountsText} needs. */
export interface AccountsOptions {
  users?: readonly UserPermissions[]
  /** The password of a user as it stands in the file: quoted, or a variable. */
  passwordOf: (user: string) => string
}

/** The block `accounts`, and which of them is the system's. */
export function accountsText({ users = USERS, passwordOf }: AccountsOptions): string {
  const { streams, services } = TOOLS_IMPORTS
  const usersOf = (account: string): string =>
    users
      .filter((each) => each.account === account)
      .map((each) => userText(each, passwordOf(each.user)))
      .join('\n')
  const exported = (kind: string) => (subject: string) =>
    `{ ${kind}: ${quoted(subject)}, accounts: [TOOLS] }`
  const imported = (kind: string) => (subject: string) =>
    `{ ${kind}: { account: FABRIC, subject: ${quoted(subject)} } }`
  const passing = (form: typeof exported): string =>
    indented([...streams.map(form('stream')), ...services.map(form('service'))].join('\n'), 3)
  return `accounts {
  FABRIC {
    jetstream { max_consumers: ${CONSUMERS_MAX} }
    users: [
${usersOf('FABRIC')}
    ]
    exports: [
${passing(exported)}
    ]
  }
  TOOLS {
    limits {
      max_connections: ${TOOLS_LIMITS.connections}
      max_subscriptions: ${TOOLS_LIMITS.subscriptions}
    }
    users: [
${usersOf('TOOLS')}
    ]
    imports: [
${passing(imported)}
    ]
  }
  SYSTEM {
    users: [
${usersOf('SYSTEM')}
    ]
  }
}
system_account: SYSTEM
`
}

function userText(
  { user, publish, subscribe, isRegion = false }: UserPermissions,
  password: string,
): string {
  const list = (subjects: readonly string[]): string =>
    `[\n${indented([...new Set(subjects)].map(quoted).join('\n'), 3)}\n    ]`
  return indented(
    `{
  user: ${user}
  password: ${password}${isRegion ? '\n  allowed_connection_types: [LEAFNODE]' : ''}
  permissions: {
    publish: { allow: ${list(publish)} }
    subscribe: { allow: ${list(subscribe)} }
  }
}`,
    3,
  )
}

const indented = (text: string, depth: number): string =>
  text.replaceAll(/^(?=.)/gm, '  '.repeat(depth))

const quoted = (text: string): string => JSON.stringify(text)
