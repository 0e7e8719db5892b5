/** `xmidt listen`: the live events as they pass through NATS. */
import { connect } from '@nats-io/transport-node'
import { readAccess } from '#apps/xmidt/access.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { EVENT_SUBJECTS, eventSubjectsOfType } from '#libs/nats/subjects.ts'
import { jsonLine, readableLine } from './event-line.ts'

/** Prints events until Ctrl-C or until the reader of the output has gone. @throws {UserError} */
export async function listen(options: {
  type: string | undefined
  isJson: boolean
  directory: string
}): Promise<void> {
  const access = readAccess(options.directory)
  const url = new URL(access.natsUrl)
  const connection = await connect({
    servers: url.host,
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
    maxReconnectAttempts: -1,
    name: 'xmidt listen',
  }).catch((error: unknown) => {
    throw new UserError(`NATS at ${url.host} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  })
  const stop = (): void => void connection.close()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  // `xmidt listen | head` ends when head does.
  process.stdout.once('error', stop)
  const subject = options.type === undefined ? EVENT_SUBJECTS : eventSubjectsOfType(options.type)
  const subscription = connection.subscribe(subject)
  await connection.flush()
  // To stderr, so that what is piped on is events alone.
  process.stderr.write(`listening to ${subject} on ${url.host}, Ctrl-C ends it\n`)
  for await (const message of subscription) {
    process.stdout.write(`${options.isJson ? jsonLine(message) : readableLine(message)}\n`)
  }
}
