/** Devices that stand still, and a Talaria that does: who is silent is told offline, who lives is not cut. */
import { nowMs } from '#loadtest/chaos/clock.ts'
import { startFabric, type Fabric } from '#loadtest/chaos/fabric/fabric.ts'
import { createMember, type Member } from '#loadtest/chaos/fabric/member.ts'
import { launchScript } from '#loadtest/chaos/fabric/script-process.ts'
import { deviceIdOf } from '#loadtest/chaos/load/fleet.ts'
import { readSessions } from '#loadtest/chaos/promises/presence.ts'
import { verdict, type Verdict } from '#loadtest/chaos/promises/verdict.ts'
import type { Outcome, RunOptions, Scenario } from '#loadtest/chaos/scenario.ts'
import { wait } from '#libs/retry/wait.ts'
import { createCaller } from '#tests/support/caller.ts'

const DEVICE = new URL('../load/device-process.ts', import.meta.url).pathname

/** Defaults of Talaria, and what a loaded machine may add. */
const IDLE_MS = 30_000
const COMMAND_MS = 5_000
const SLACK_MS = 3_000

/** Of each kind. */
const COUNT = 3

const POLL_MS = 200

/** A Talaria that is stricter than any other, and stands still for longer than it lets devices. */
const STRICT = { TALARIA_PING_MS: '1000', TALARIA_IDLE_MS: '4000', TALARIA_PROBE_MS: '1000' }
const STANDSTILL_MS = 9_000
const AFTER_MS = 8_000

/** A device that runs for half a second in each second and a half is slow, and alive. */
const HALTING_MS = 1_000
const RUNNING_MS = 500

/** Its length is given by what it does. */
export const freeze: Scenario = {
  name: 'freeze',
  about:
    'devices stand still: offline after 30 s, 5 s after a command; who is slow, or whose Talaria stood still, stays',
  run,
}

async function run(options: RunOptions): Promise<Outcome> {
  const verdicts = [...(await frozenDevices(options)), await frozenTalaria(options)]
  options.signal.throwIfAborted()
  return { scenario: freeze.name, seed: options.seed, verdicts, figures: {} }
}

async function frozenDevices({ isCluster, isKept, signal, tell }: RunOptions): Promise<Verdict[]> {
  await using fabric = await startFabric(
    { isCluster, talarias: 1, scytales: 1, caduceuses: 1 },
    isKept,
  )
  const all = await startDevices(fabric, 0, 4 * COUNT, (index) =>
    index >= 2 * COUNT && index < 3 * COUNT ? 'slow' : 'plain',
  )
  const [silent, commanded, slow, halting] = [0, 1, 2, 3].map((kind) =>
    all.slice(kind * COUNT, (kind + 1) * COUNT),
  ) as [Held[], Held[], Held[], Held[]]
  const caller = createCaller(fabric.scytales[0]?.url ?? '', fabric.callerAuthorization)
  const ask = ({ id }: Held): void => void caller.ask(id, 'chaos').catch(() => undefined)

  for (const { member } of [...silent, ...commanded]) member.pause()
  const frozenAtMs = nowMs()
  tell(`${silent.length + commanded.length} devices stand still`)
  for (const device of [...commanded, ...slow]) ask(device)
  const offline = new Map<string, number>()
  const until = performance.now() + IDLE_MS + 2 * SLACK_MS
  while (performance.now() < until && !signal.aborted) {
    for (const { device, offline: count } of (await readSessions(fabric.nats)).values()) {
      if (count === 0 || offline.has(device)) continue
      offline.set(device, nowMs() - frozenAtMs)
      tell(`${device} is told offline after ${((nowMs() - frozenAtMs) / 1_000).toFixed(1)} s`)
    }
    for (const { member } of halting) member.pause()
    await wait(HALTING_MS, signal)
    for (const { member } of halting) member.resume()
    await wait(RUNNING_MS, signal)
  }
  const late = (devices: readonly Held[], withinMs: number): Held[] =>
    devices.filter(({ id }) => (offline.get(id) ?? Infinity) > withinMs + SLACK_MS)
  const describe = ({ id }: Held): string => {
    const ms = offline.get(id)
    return `${id}: ${ms === undefined ? 'never' : `after ${(ms / 1_000).toFixed(1)} s`}`
  }
  const alive = [...slow, ...halting]
  return [
    verdict('a silent device is told offline within 30 s', COUNT, late(silent, IDLE_MS), describe),
    verdict(
      'one with a command in flight within 5 s',
      COUNT,
      late(commanded, COMMAND_MS),
      describe,
    ),
    verdict(
      'a slow but living device is not cut',
      alive.length,
      alive.filter(({ id }) => offline.has(id)),
      describe,
    ),
  ]
}

async function frozenTalaria({ isCluster, isKept, signal, tell }: RunOptions): Promise<Verdict> {
  await using fabric = await startFabric(
    { isCluster, talarias: 1, scytales: 1, caduceuses: 1, environment: { talaria: STRICT } },
    isKept,
  )
  const devices = await startDevices(fabric, 100, COUNT, () => 'slow')
  const caller = createCaller(fabric.scytales[0]?.url ?? '', fabric.callerAuthorization)
  for (const { id } of devices) void caller.ask(id, 'chaos').catch(() => undefined)
  await wait(POLL_MS, signal)
  const [talaria] = fabric.talarias
  tell(`${talaria?.name} stands still for ${STANDSTILL_MS / 1_000} s, with an idle time of 4 s`)
  talaria?.pause()
  await wait(STANDSTILL_MS, signal)
  talaria?.resume()
  await wait(AFTER_MS, signal)
  const sessions = [...(await readSessions(fabric.nats)).values()]
  return verdict(
    "a Talaria's own standstill is not held against its devices",
    devices.length,
    sessions.filter(({ offline }) => offline > 0),
    ({ device }) => `${device} was told offline`,
  )
}

interface Held {
  id: string
  member: Member
}

function startDevices(
  fabric: Fabric,
  first: number,
  count: number,
  mannerOf: (index: number) => 'plain' | 'slow',
): Promise<Held[]> {
  return Promise.all(
    Array.from({ length: count }, async (_, index): Promise<Held> => {
      const id = deviceIdOf(first + index)
      const token = await fabric.deviceToken(id)
      const member = createMember({
        name: id,
        role: 'device',
        launch: () =>
          launchScript(DEVICE, [id, fabric.petasos.url, mannerOf(index)], { CHAOS_TOKEN: token }),
      })
      fabric.add(member)
      await member.start()
      return { id, member }
    }),
  )
}
