/** What is promised of presence: each session has one online and one offline event, whatever dies. */
import type { NatsServers } from '#loadtest/chaos/fabric/nats.ts'
import { readStream } from '#loadtest/chaos/fabric/read-stream.ts'
import { readEventHeaders } from '#libs/nats/event.ts'
import { verdict, type Check } from './verdict.ts'

/** What EVENTS says of a session. */
export interface Session {
  device: string
  online: number
  offline: number
}

/** Reads every event of presence from the stream. */
export async function readSessions(nats: NatsServers): Promise<Map<string, Session>> {
  const sessions = new Map<string, Session>()
  await readStream(nats, 'EVENTS', 'xmidt.event.*.device-status.>', ({ headers }) => {
    const { sessionId = '', dest = '' } = readEventHeaders(headers)
    const [, device = '', status = ''] = dest.split('/')
    const session = sessions.get(sessionId) ?? { device, online: 0, offline: 0 }
    if (status === 'online') session.online += 1
    if (status === 'offline') session.offline += 1
    sessions.set(sessionId, session)
  })
  return sessions
}

/** Sessions that are not told exactly once each way; those of acknowledgements are known besides. */
export function untold(
  sessions: ReadonlyMap<string, Session>,
  known: readonly { session?: string; device: string }[],
): [id: string, session: Session][] {
  const complete = new Map(sessions)
  for (const { session, device } of known) {
    if (session !== undefined && !complete.has(session)) {
      complete.set(session, { device, online: 0, offline: 0 })
    }
  }
  return [...complete].filter(([, { online, offline }]) => online !== 1 || offline !== 1)
}

/** Once all devices have left. */
export const sessionsToldOnce: Check = ({ sessions = new Map(), records }) => {
  const broken = untold(sessions, records.connections)
  const found = verdict(
    'a session has one online and one offline event',
    sessions.size,
    broken,
    ([id, { device, online, offline }]) =>
      `${id} of ${device}: ${online} online, ${offline} offline`,
  )
  const without = broken.filter(([, { offline }]) => offline === 0).length
  found.note = `${records.connections.length} connections, ${sessions.size} sessions in the stream; ${without} without offline`
  return found
}
