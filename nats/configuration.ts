/** The configuration of a nats-server for one machine. */
import { accountsText } from './accounts.ts'
import { USERS, type UserPermissions } from './permissions.ts'
import { leafText, type Region } from './region.ts'

/** What {@link serverConfiguration} needs. */
export interface ConfigurationOptions {
  /** -1 takes any free one. */
  port: number
  storeDirectory: string
  /** Of each user. */
  passwords: Readonly<Record<string, string>>
  /** Those of `permissions.ts` unless a test needs another. */
  users?: readonly UserPermissions[] | undefined
  /** The region that it is in, where there are several. */
  region?: Region | undefined
}

/**
 * The largest message with its headers. EVENTS takes 1 MiB; the rest is for the headers that a dead
 * letter has besides its event's, or the largest events could never become one.
 */
const PAYLOAD_BYTES_MAX = (1024 + 64) * 1024

/** The text of the configuration. @throws {TypeError} for a user without a password. */
export function serverConfiguration(options: ConfigurationOptions): string {
  const { port, storeDirectory, passwords, users = USERS, region } = options
  const passwordOf = (user: string): string => {
    const password = passwords[user]
    // An empty one would let in whoever knows the name.
    if (!password) throw new TypeError(`the user ${user} has no password`)
    return JSON.stringify(password)
  }
  return `server_name: xmidt${region ? `-${region.name}` : ''}
host: 127.0.0.1
port: ${port}
max_payload: ${PAYLOAD_BYTES_MAX}
write_deadline: "10s"

jetstream {
  store_dir: ${JSON.stringify(storeDirectory)}${region ? `\n  domain: ${region.name}` : ''}
}

${leafText(region)}${accountsText({ users, passwordOf })}`
}
