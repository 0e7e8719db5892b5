/** Connections of the rig itself, as one of the users, whatever state the servers are in. */
import { pino } from 'pino'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { wait } from '#libs/retry/wait.ts'

/** For a cluster that elects, a server that just came back, or a machine that does all at once. */
const CONNECT_MS = 60_000
const RETRY_MS = 1_000

/** @throws when there was no server for a minute. */
export async function connectAs(url: string): Promise<Nats> {
  const log = pino({ level: 'silent' })
  const signal = AbortSignal.timeout(CONNECT_MS)
  for (;;) {
    try {
      return await connectNats({ url, name: 'chaos', log, signal })
    } catch (error) {
      // A server that waited too long for the password says the same as to a wrong one.
      if (!(await wait(RETRY_MS, signal))) throw error
    }
  }
}
