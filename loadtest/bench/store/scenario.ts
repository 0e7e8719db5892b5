/**
 * What nats-server holds of each thing that a fleet has many of: a device's subscription, its session,
 * an event, a webhook's consumer. These are the slopes of docs/scale.md.
 */
import { randomUUID } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AckPolicy, jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { openSessions } from '#libs/nats/bucket/sessions.ts'
import { publishEvent } from '#libs/nats/event.ts'
import { deviceSubjects } from '#libs/nats/subjects.ts'
import { wait } from '#libs/retry/wait.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import { residentKiB } from '#loadtest/bench/counters.ts'
import { startNats } from '#loadtest/bench/fabric.ts'
import type { Figure, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { SESSION } from './session.ts'

/**
 * So many of each that what the server has besides them is a small part of the difference, and as many
 * events as the cap of EVENTS takes here.
 */
const DEVICES = 35_000
const CONSUMERS = 1_000

/** Of a stamped event with its metadata. */
const EVENT_BYTES = 500

const AT_ONCE = 256

/** Until the server's own collection of garbage and its writing have settled. */
const CALM_MS = 5_000

const log = createLogger('bench', { level: 'error' })

/** There is no baseline: these are what the rest is reckoned from. */
export const scenario: Scenario = {
  about: 'what nats-server holds for a subscription, a session, an event, a consumer',
  run,
}

/** What the server has at one moment. */
interface Held {
  kib: number
  diskKiB: number
  /** What counts against the cap of EVENTS: before compression. */
  streamKiB: number
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using server = await startNats()
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'bench', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  const look = async (): Promise<Held> => {
    await wait(CALM_MS)
    const { state } = await manager.streams.info('EVENTS')
    return {
      kib: residentKiB(server.server.pid),
      diskKiB: bytesUnder(server.directory) / 1_024,
      streamKiB: state.bytes / 1_024,
    }
  }
  const figures: Figure[] = []
  const measure = async (
    what: string,
    count: number,
    { isStored, act }: { isStored: boolean; act: () => Promise<void> },
  ): Promise<void> => {
    say(`${count.toLocaleString('en')} × ${what}`)
    const before = await look()
    await act()
    const after = await look()
    const each = (key: keyof Held): number[] => [(after[key] - before[key]) / count]
    figures.push({ what: `${what}: memory`, unit: 'KiB', values: each('kib') })
    if (isStored) figures.push({ what: `${what}: disk`, unit: 'KiB', values: each('diskKiB') })
    if (after.streamKiB > before.streamKiB) {
      figures.push({ what: `${what}: of the cap`, unit: 'KiB', values: each('streamKiB') })
    }
  }
  const ids = Array.from({ length: DEVICES }, (_, index) => deviceOf(index))
  await measure("a device's subscription", DEVICES, {
    isStored: false,
    act: async () => {
      for (const id of ids) {
        nats.connection.subscribe(deviceSubjects(id), { callback: () => undefined })
      }
      await nats.connection.flush()
    },
  })
  await measure("a webhook's consumer", CONSUMERS, { isStored: true, act: () => addAll(manager) })
  await measure("a device's session", DEVICES, { isStored: true, act: () => putAll(nats, ids) })
  await measure('an event of 500 bytes, of a device of its own', DEVICES, {
    isStored: true,
    act: () => publishAll(nats, ids, 'first'),
  })
  await measure('a further event of the same device', DEVICES, {
    isStored: true,
    act: () => publishAll(nats, ids, 'second'),
  })
  return { figures, goals: [] }
}

const deviceOf = (index: number): DeviceId =>
  parseDeviceId(`mac:${index.toString(16).padStart(12, '0')}`)

async function putAll(nats: Nats, ids: readonly DeviceId[]): Promise<void> {
  const sessions = await openSessions(nats, log)
  await each(ids, async (id) => {
    if ((await sessions.put('talaria-1', id, SESSION, 0)) === undefined) {
      throw new Error(`the bucket has a session of ${id} already`)
    }
  })
}

async function publishAll(nats: Nats, ids: readonly DeviceId[], round: string): Promise<void> {
  const jetStream = jetstream(nats.connection)
  await each(ids, (device) =>
    publishEvent(jetStream, {
      id: `${round}-${device}`,
      device,
      type: 'telemetry',
      bytes: eventOf(device),
      dest: `event:telemetry/${device}/state`,
      source: `${device}/config`,
      sessionId: SESSION.session,
      partnerIds: SESSION.partners,
      transactionUuid: randomUUID(),
    }),
  )
}

async function addAll(manager: JetStreamManager): Promise<void> {
  for (let index = 0; index < CONSUMERS; index += 1) {
    await manager.consumers.add('EVENTS', {
      durable_name: `bench_${index}`,
      ack_policy: AckPolicy.Explicit,
      filter_subject: `xmidt.event.*.type-${index}.>`,
    })
  }
}

/**
 * Readings of a device in JSON: names that come again and again, numbers that do not. What a stream
 * takes on disk depends on how well its events compress.
 */
function eventOf(device: DeviceId): Uint8Array {
  let text = `{"device":"${device}","readings":[`
  while (text.length < EVENT_BYTES - 40) {
    text += `{"name":"rx-power","value":${Math.random().toFixed(6)}},`
  }
  return new TextEncoder().encode(`${text}{}]}`.padEnd(EVENT_BYTES))
}

/** Does it for each device, {@link AT_ONCE} at a time. */
async function each(
  ids: readonly DeviceId[],
  act: (device: DeviceId) => Promise<unknown>,
): Promise<void> {
  const left = ids.values()
  const work = async (): Promise<void> => {
    for (const id of left) await act(id)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** What the files of a directory take on disk. */
function bytesUnder(directory: string): number {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
  return files
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name)).blocks * 512)
    .reduce((sum, size) => sum + size, 0)
}
