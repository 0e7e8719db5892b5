/** One Talaria with all devices is killed: out of the redirects at once, and all are back in seconds. */
import type { AppMember, Fabric } from '#loadtest/chaos/fabric/fabric.ts'
import { nowMs } from '#loadtest/chaos/clock.ts'
import { verdict, type Verdict } from '#loadtest/chaos/promises/verdict.ts'
import { quantile } from '#loadtest/chaos/quantile.ts'
import { startRig, type Rig } from '#loadtest/chaos/rig.ts'
import type { Outcome, RunOptions, Scenario, Setting } from '#loadtest/chaos/scenario.ts'
import { wait } from '#libs/retry/wait.ts'
import { FABRIC, PROMISES, WEBHOOKS } from './parts.ts'

/** Out of the redirects. */
const NAMED_MS = 1_500

/** All devices are connected again, of those at a back-off of 1 s. */
const BACK_P99_MS = 5_000
const BACKOFF = { firstMs: 1_000, maxMs: 60_000 }

/** What is looked at before, and how long it may take until the last device is back. */
const BEFORE_MS = 5_000
const BACK_MS = 60_000
const POLL_MS = 50

/** So many of the devices that Petasos sends to the Talaria are asked for: enough to see the moment. */
const ASKED_MAX = 6
const ASK_MS = 100

/** It is not named any more once it was not for so long. */
const QUIET_MS = 2_000

const SETTING: Setting = {
  fabric: FABRIC,
  load: { devices: 1_000, eventsPerSecond: 20, commandsPerSecond: 20 },
  webhooks: WEBHOOKS,
}

/** Its length is given by what it does; `--devices 3000` is the size that is promised. */
export const storm: Scenario = {
  name: 'storm',
  about: 'kill -9 of a Talaria that holds every device: named 1.5 s at most, p99 back within 5 s',
  run,
}

async function run(options: RunOptions): Promise<Outcome> {
  let others: readonly AppMember[] = []
  await using rig = await startRig(SETTING, options, {
    backoff: BACKOFF,
    // All devices go to the first Talaria, as there is no other while they connect.
    async onFabric({ talarias }) {
      others = talarias.slice(1)
      await Promise.all(others.map((talaria) => talaria.end()))
    },
  })
  const { fabric, fleet, records, tell } = rig
  const [killed] = fabric.talarias
  if (!killed) throw new Error('there is no Talaria')
  await Promise.all(others.map((talaria) => talaria.start()))
  const held = fleet.connectedCount
  let killedAtMs = 0
  let namedMs = 0
  await rig.underLoad(async () => {
    await wait(BEFORE_MS, options.signal)
    const asked = await belongingTo(rig, killed)
    tell(`kill ${killed.name} for good, with ${held} devices`)
    killedAtMs = nowMs()
    await killed.kill()
    namedMs = await namedFor(fabric, killed, asked, options.signal)
    tell(`Petasos named it for ${Math.round(namedMs)} ms`)
    const until = performance.now() + BACK_MS
    while (fleet.connectedCount < held && performance.now() < until) {
      if (!(await wait(POLL_MS, options.signal))) break
    }
    await wait(BEFORE_MS, options.signal)
  })
  await rig.settle()
  const backs = backsOf(rig, killed.name, killedAtMs)
  const p99 = quantile(backs, 0.99)
  const evidence = rig.evidence()
  return {
    scenario: storm.name,
    seed: options.seed,
    verdicts: [
      within('a killed Talaria is out of the redirects within 1.5 s', namedMs, NAMED_MS),
      within('its devices are back within 5 s (p99)', p99, BACK_P99_MS, backs.length),
      verdict(
        'every device comes back',
        held,
        fleet.devices.filter((each) => !each.connection),
        ({ id }) => id,
      ),
      ...PROMISES.map((check) => check(evidence)),
    ],
    figures: {
      devices: String(held),
      'named for': `${Math.round(namedMs)} ms`,
      back: `p50 ${Math.round(quantile(backs, 0.5))} ms, p99 ${Math.round(p99)} ms, last ${Math.round(Math.max(0, ...backs))} ms`,
      connections: String(records.connections.length),
    },
  }
}

const within = (promise: string, tookMs: number, maxMs: number, counted = 1): Verdict =>
  verdict(promise, counted, tookMs > maxMs ? [tookMs] : [], (ms) => `${Math.round(ms)} ms`)

/** Some of the devices that Petasos sends to a Talaria. */
async function belongingTo(rig: Rig, talaria: AppMember): Promise<string[]> {
  const found: string[] = []
  for (const { id } of rig.fleet.devices) {
    if ((await redirectOf(rig.fabric.petasos.url, id)) === talaria.url) found.push(id)
    if (found.length === ASKED_MAX) break
  }
  return found
}

/** From now to the last redirect to it. */
async function namedFor(
  { petasos }: Fabric,
  killed: AppMember,
  devices: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const startedAt = performance.now()
  let lastAt = startedAt
  while (performance.now() - lastAt < QUIET_MS && !signal.aborted) {
    const places = await Promise.all(devices.map((id) => redirectOf(petasos.url, id)))
    if (places.includes(killed.url)) lastAt = performance.now()
    await wait(ASK_MS, signal)
  }
  return lastAt - startedAt
}

async function redirectOf(petasosUrl: string, device: string): Promise<string | undefined> {
  const response = await fetch(`${petasosUrl}/api/v2/device`, {
    headers: { 'x-webpa-device-name': device },
    redirect: 'manual',
  })
  await response.body?.cancel()
  const location = response.headers.get('location')
  return location === null ? undefined : new URL(location).origin
}

/** From the kill to each device's next connection. */
function backsOf({ records }: Rig, talaria: string, killedAtMs: number): number[] {
  const lost = new Set(
    records.connections
      .filter((each) => each.talaria === talaria && each.end === 'killed')
      .map(({ device }) => device),
  )
  const backs = new Map<string, number>()
  for (const { device, openedAtMs } of records.connections) {
    if (openedAtMs < killedAtMs || !lost.has(device) || backs.has(device)) continue
    backs.set(device, openedAtMs - killedAtMs)
  }
  return [...backs.values()]
}
