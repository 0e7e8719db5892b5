/** Talarias as Petasos sees them: entries that are renewed, and answers to its pings. */
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { openTalarias } from '#libs/nats/bucket/talarias.ts'

/** Often enough for a lease of 15 s. */
const RENEW_MS = 4_000

/** Members that can become more. Disposing them ends their renewals. */
export interface Members extends AsyncDisposable {
  /** Resolves when so many are announced. */
  grow(count: number): Promise<void>
}

/** No members yet. */
export async function startMembers(natsUrl: string): Promise<Members> {
  const log = createLogger('members', { level: 'silent' })
  const nats = await connectNats({ url: natsUrl, name: 'members', log })
  const bucket = await openTalarias(nats, log)
  let memberCount = 0
  nats.connection.subscribe('xmidt.talaria.*.ping', {
    callback: (_error, message) => void message.respond('{}'),
  })
  const announce = async (): Promise<void> => {
    const indexes = Array.from({ length: memberCount }, (_, index) => index)
    await Promise.all(
      indexes.map((index) =>
        bucket.put(`talaria-${index}`, {
          url: `http://talaria-${index}.xmidt.example:6200`,
          region: 'bench',
          weight: 1,
          started: '2026-01-01T00:00:00Z',
          devices: 0,
          draining: false,
        }),
      ),
    )
  }
  const timer = setInterval(() => void announce(), RENEW_MS)
  return {
    async grow(count) {
      memberCount = count
      await announce()
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await nats[Symbol.asyncDispose]()
    },
  }
}
