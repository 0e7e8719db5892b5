/** Talarias as processes that a test can kill, and what the stream says of their devices' sessions. */
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { expect } from 'vitest'
import { start } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { sessionEntrySubjects } from '#libs/nats/subjects.ts'
import { walk } from '#libs/nats/stream/walk.ts'
import { startAppProcess, type AppProcess } from './app-process.ts'
import { connectDevice, type TestDevice } from './device.ts'
import { eventually } from './eventually.ts'
import { startTestNats, type TestNats } from './nats.ts'
import { logOf } from './stack.ts'

/** A lease and what it takes to see that it ran out, on a loaded machine. */
const TOLD_MS = 60_000

/** How often each was told of one session. */
export interface SessionTold {
  online: number
  offline: number
  reason: string
}

/** The bench on which presence is tested. */
export interface PresenceBench extends AsyncDisposable {
  readonly nats: TestNats
  /** A Talaria in a process of its own. */
  startTalaria(id: string): Promise<AppProcess>
  /** A Talaria in this process, which nobody kills; `port` is where it finds NATS, if not at the server. */
  startHere(id: string, port?: number): Promise<App>
  /** Connects so many devices that no test connected before. */
  connect(talaria: { readonly url: string }, count: number): Promise<TestDevice[]>
  /** What the stream has, by session. */
  told(): Promise<Map<string, SessionTold>>
  /** Resolves when so many sessions have one online event, and none more. */
  allOnline(count: number): Promise<void>
  /**
   * Resolves when so many sessions are over, each with one event of either kind, no entry is left of
   * `ids`, and `still` other sessions have one online event and no other.
   */
  allOver(count: number, ids: readonly string[], still?: number): Promise<void>
  /** How many entries a Talaria has in SESSIONS. */
  entryCount(id: string): Promise<number>
}

/** What the stream has of all sessions. */
export async function readTold(manager: JetStreamManager): Promise<Map<string, SessionTold>> {
  const sessions = new Map<string, SessionTold>()
  const subject = 'xmidt.event.*.device-status.>'
  for await (const page of walk(manager, { stream: 'EVENTS', subject, from: { sequence: 1 } })) {
    for (const message of page) {
      const id = message.header.get('Xmidt-Session')
      const session = sessions.get(id) ?? { online: 0, offline: 0, reason: '' }
      const isOffline = message.header.get('Xmidt-Dest').endsWith('/offline')
      session[isOffline ? 'offline' : 'online'] += 1
      if (isOffline) session.reason = /:([a-z-]+)"/.exec(message.string())?.[1] ?? ''
      sessions.set(id, session)
    }
  }
  return sessions
}

/** Starts the bench, without a Talaria. */
export async function startPresenceBench(): Promise<PresenceBench> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startTestNats())
  const url = nats.urlOf('operator')
  const reader = starting.use(await connectNats({ url, name: 'test', log: logOf('nats') }))
  const manager = await jetstreamManager(reader.connection, { checkAPI: false })
  let deviceCount = 0
  const told = (): Promise<Map<string, SessionTold>> => readTold(manager)
  const entryCount = async (id: string): Promise<number> => {
    let count = 0
    const which = { stream: 'KV_SESSIONS', subject: sessionEntrySubjects(id) }
    for await (const page of walk(manager, { ...which, from: { sequence: 1 } })) {
      count += page.filter(({ header }) => !header.has('KV-Operation')).length
    }
    return count
  }
  const environmentOf = (id: string, port?: number): Record<string, string> => ({
    NATS_URL: nats.urlOf('talaria').replace(/\d+$/, (own) => String(port ?? own)),
    TALARIA_ID: id,
    TALARIA_PORT: '0',
    TALARIA_OPERATIONS_PORT: '0',
    TALARIA_OPEN: 'true',
    TALARIA_DRAIN_MS: '100',
  })
  const running = starting.move()
  return {
    nats,
    startTalaria: async (id) => running.use(await startAppProcess('talaria', environmentOf(id))),
    startHere: async (id, port) => {
      const config = loadConfig(talariaEnv, environmentOf(id, port))
      return running.use(await start(config, logOf('talaria')))
    },
    connect: ({ url: talariaUrl }, count) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const deviceId = `mac:${(0xcc_00_00_00_00_00 + deviceCount++).toString(16)}`
          return running.use(await connectDevice({ url: talariaUrl, deviceId }))
        }),
      ),
    told,
    async allOnline(count) {
      await eventually(
        async () => {
          const sessions = [...(await told()).values()]
          expect(sessions.filter(({ online }) => online === 1)).toHaveLength(count)
        },
        { withinMs: TOLD_MS },
      )
    },
    async allOver(count, ids, still = 0) {
      await eventually(
        async () => {
          const over = [...(await told()).values()].filter(({ offline }) => offline > 0)
          expect(over.length).toBe(count)
          for (const id of ids) expect([id, await entryCount(id)]).toEqual([id, 0])
        },
        { withinMs: TOLD_MS },
      )
      const sessions = [...(await told()).values()]
      expect(sessions).toHaveLength(count + still)
      expect(sessions.filter(({ online, offline }) => online !== 1 || offline > 1)).toEqual([])
    },
    entryCount,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}
