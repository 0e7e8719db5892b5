/**
 * Commands that come just when a device's session ends: each has a definite answer, and that it may
 * have reached the device is said of none that its Talaria did not write. In a cluster, where a
 * server that forwards a command learns a moment late that the device has left.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { start as startScytaleApp } from '#apps/scytale/app.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { start as startTalariaApp } from '#apps/talaria/app.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { talariaSubject } from '#libs/nats/subjects.ts'
import { applyStreams } from '#nats/apply.ts'
import { basicOf, createCaller, type Caller } from '#tests/support/caller.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startNatsCluster, type NatsCluster } from '#tests/support/nats-cluster.ts'
import { EVENTS_CAPS } from '#tests/support/nats.ts'
import { CALLER_CREDENTIAL, logOf } from '#tests/support/stack.ts'

/** Sessions of one end, and callers that ask all the time: some commands meet each end. */
const ROUNDS = 8
const CALLERS = 12

const stack = new AsyncDisposableStack()
let cluster: NatsCluster
let operator: Nats
let one: App
let other: App
let caller: Caller
let deviceCount = 0

/** Each app on a server of its own, so that commands pass from one server to another. */
const natsAt = (index: number) => ({
  NATS_URL: cluster.urls[index] ?? '',
  NATS_CA_FILE: cluster.certificateFile,
})

const startTalaria = async (id: string, index: number): Promise<App> =>
  stack.use(
    await startTalariaApp(
      loadConfig(talariaEnv, {
        ...natsAt(index),
        TALARIA_ID: id,
        TALARIA_PORT: '0',
        TALARIA_OPERATIONS_PORT: '0',
        TALARIA_OPEN: 'true',
      }),
      logOf('talaria'),
    ),
  )

beforeAll(async () => {
  cluster = stack.use(await startNatsCluster({ days: 1 }))
  const { certificateFile: caFile } = cluster
  const url = cluster.urls.join(',')
  operator = stack.use(await connectNats({ url, caFile, name: 'test', log: logOf('nats') }))
  const options = { replicas: 3, ...EVENTS_CAPS, log: logOf('nats') }
  await applyStreams(operator.connection, options)
  one = await startTalaria('one', 0)
  other = await startTalaria('other', 1)
  const scytale = stack.use(
    await startScytaleApp(
      loadConfig(scytaleEnv, {
        ...natsAt(2),
        SCYTALE_PORT: '0',
        SCYTALE_OPERATIONS_PORT: '0',
        SCYTALE_BASIC_CREDENTIALS: CALLER_CREDENTIAL,
      }),
      logOf('scytale'),
    ),
  )
  caller = createCaller(scytale.url, basicOf(CALLER_CREDENTIAL))
}, 60_000)

afterAll(() => stack.disposeAsync())

/** How a session ends; what is still connected afterwards is closed. */
const ENDS: Record<string, (device: TestDevice, id: string) => Promise<TestDevice>> = {
  async 'the device closes'(device) {
    await device.close()
    return device
  },
  async 'the connection breaks'(device) {
    device.socket.terminate()
    await device.closed
    return device
  },
  async 'its Talaria lets it go'(device) {
    await operator.connection.request(talariaSubject('one', 'drain'), '{"count":1}')
    await device.closed
    return device
  },
  async 'it connects again to the same Talaria'(device, id) {
    const again = await connect(one, id)
    await device.closed
    return again
  },
  async 'it connects again to another Talaria'(device, id) {
    const again = await connect(other, id)
    await device.closed
    return again
  },
}

async function connect(talaria: App, deviceId: string): Promise<TestDevice> {
  const device = await connectDevice({ url: talaria.url, deviceId })
  answerRequests(device, 'here')
  return device
}

it.each(Object.keys(ENDS))(
  'a command that comes when %s has a definite answer',
  async (end) => {
    const told = new Map<string, number>()
    const runs = new Map<string, number>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = `mac:${(0x33_44_55_00_00_00 + deviceCount++).toString(16)}`
      const device = await connect(one, id)
      await eventually(async () => expect((await caller.ask(id, 'config')).status).toBe(200))
      let isOver = false
      const asking = Array.from({ length: CALLERS }, async () => {
        while (!isOver) {
          const { status, text, tookMs } = await caller.ask(id, 'config')
          const isVague = text.includes('may have reached')
          const answer = `${status}${isVague ? ' may have reached' : ''}`
          told.set(answer, (told.get(answer) ?? 0) + 1)
          // The device was written to, or waited for: nothing here takes longer than it is asked again.
          expect(tookMs).toBeLessThan(4_000)
          await nextTurn()
        }
      })
      const answered = told.get('200') ?? 0
      await eventually(() => expect(told.get('200') ?? 0).toBeGreaterThan(answered + CALLERS))
      const last = await ENDS[end]!(device, id)
      isOver = true
      await Promise.all(asking)
      await last.close()
      for (const each of new Set([device, last])) {
        for (const { transaction_uuid: transaction = '' } of each.received) {
          runs.set(transaction, (runs.get(transaction) ?? 0) + 1)
        }
      }
    }
    // 504: it was with the device when its session ended.
    for (const answer of told.keys()) expect(['200', '404', '503', '504']).toContain(answer)
    expect(told.get('200')).toBeGreaterThan(ROUNDS)
    expect([...runs.values()].filter((count) => count > 1)).toEqual([])
  },
  60_000,
)
