/** Every user of NATS on one server, and what the server refuses each. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node'
import { USERS, type UserName } from '#nats/permissions.ts'
import { startTestNats } from './nats.ts'

/** In NATS' own words. */
export type Operation = 'publish' | 'subscription'

/** A refusal as the server told it. */
interface Refusal {
  user: UserName
  operation: string
  subject: string
}

/** The users' connections. */
export interface AllUsers extends AsyncDisposable {
  connectionOf(user: UserName): NatsConnection
  /** Since it was emptied last. */
  readonly refusals: Refusal[]
  /** Whether the server refuses it. @throws when it refuses something else meanwhile. */
  isRefused(user: UserName, operation: Operation, subject: string): Promise<boolean>
}

/** Starts a server and connects all. */
export async function connectAllUsers(): Promise<AllUsers> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startTestNats({ expectsRefusals: true }))
  const refusals: Refusal[] = []
  const connections = new Map<UserName, NatsConnection>()
  for (const { user } of USERS) {
    const { host, password } = new URL(nats.urlOf(user))
    const inboxPrefix = `_INBOX_${user}`
    const connection = await connect({ servers: host, user, pass: password, inboxPrefix })
    starting.defer(() => connection.close())
    connections.set(user, connection)
    void keepRefusals(user, connection, refusals)
  }
  const connectionOf = (user: UserName): NatsConnection => {
    const connection = connections.get(user)
    if (!connection) throw new Error(`there is no user ${user}`)
    return connection
  }
  const running = starting.move()
  return {
    connectionOf,
    refusals,
    async isRefused(user, operation, subject) {
      const connection = connectionOf(user)
      refusals.length = 0
      if (operation === 'publish') connection.publish(subject, '{}')
      else connection.subscribe(subject, { callback: () => {} }).unsubscribe()
      // The server refuses before it answers the flush; the client tells it in the same turn.
      await connection.flush()
      await nextTurn()
      const other = refusals.find((each) => each.user === user && each.subject !== subject)
      if (other) throw new Error(`${user} was refused ${other.operation} to ${other.subject}`)
      return refusals.some((each) => each.user === user && each.operation === operation)
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function keepRefusals(
  user: UserName,
  connection: NatsConnection,
  refusals: Refusal[],
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type !== 'error' || !(status.error instanceof PermissionViolationError)) continue
    const { operation, subject } = status.error
    refusals.push({ user, operation, subject })
  }
}
