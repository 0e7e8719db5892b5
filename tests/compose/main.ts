/**
 * `npm run test:compose`: the compose stack, tried as a user and a bad day try it. Brings it up from
 * nothing, reaches a device outside and one inside, kills one container of each kind under load,
 * scales, takes it down and up again, and leaves nothing. Ends with 1 when anything is missing.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deviceIdOf } from '#apps/xmidt/fleet/device.ts'
import { basicOf } from '#tests/support/caller.ts'
import { eventually } from '#tests/support/eventually.ts'
import { readAccess, type Access } from './access.ts'
import { containersOf, crash, faultsOf, leftovers } from './containers.ts'
import { openEngine } from './engine.ts'
import { connectThroughPetasos, redirectOf, startLoad, type Load } from './load.ts'
import { freePorts } from './ports.ts'
import { check, say, step } from './steps.ts'

const PROJECT = 'xmidt-compose-test'
const IMAGE = 'xmidt-on-nats:0.1.0'

/** Services that end when they are done. */
const STEPS = ['secrets', 'streams']

const INSIDE_COUNT = 3
const OUTSIDE = ['mac:0c0000000001', 'mac:0c0000000002', 'mac:0c0000000003', 'mac:0c0000000004']
const INSIDE = Array.from({ length: INSIDE_COUNT }, (_, index) => deviceIdOf(index))

/** One of each kind, and the number of the one that is killed. */
const KILLED = [
  ['nats-2', 1],
  ['talaria', 1],
  ['caduceus', 2],
  ['petasos', 1],
] as const

/** Building pulls dependencies on a machine that has none of them yet. */
const BUILD_MS = 600_000
const UP_MS = 240_000
const HEALTHY_MS = 120_000
const DOWN_MS = 120_000

/** How long the load goes on after each change, so that what it broke would show. */
const LOAD_MS = 8_000

/** What was acknowledged before everything was well again is delivered by then, retries included. */
const DELIVERED_MS = 120_000

/** Ids enough that each of four Talarias owns some. */
const PROBES = Array.from(
  { length: 64 },
  (_, index) => `mac:0d00000000${(16 + index).toString(16)}`,
)

const ports = await freePorts()
const engine = await openEngine({
  project: PROJECT,
  files: ['compose.yaml', 'tests/compose/compose.yaml'],
  environment: {
    ...ports,
    COMPOSE_PROFILES: 'devices',
    XMIDT_DEVICES: String(INSIDE_COUNT),
    XMIDT_DEVICE_EVENT_MS: '2000',
    // The receiver is inside, so in a private network and without TLS: in this test only.
    CADUCEUS_ADDRESSES_ALLOWED: '10.0.0.0/8,172.16.0.0/12,192.168.0.0/16',
    CADUCEUS_HTTP_ALLOWED: 'true',
  },
})
const receiverUrl = `http://127.0.0.1:${ports.TEST_RECEIVER_PORT}/`
say(`project ${PROJECT}, ${engine.version}`)

const healthy = (withinMs: number): Promise<void> =>
  eventually(
    async () => {
      const containers = await containersOf(engine, PROJECT)
      check(containers.length > STEPS.length, 'there are no containers')
      const faults = faultsOf(containers, STEPS)
      check(faults.length === 0, faults.join('; '))
    },
    { withinMs },
  )

/** What the receiver has, by the events' ids. */
async function receivedIds(): Promise<Set<string>> {
  const response = await fetch(receiverUrl, { signal: AbortSignal.timeout(10_000) })
  const { ids } = (await response.json()) as { ids: Record<string, number> }
  return new Set(Object.keys(ids))
}

async function registerWebhook({ caduceusUrl, caller }: Access): Promise<void> {
  const response = await fetch(`${caduceusUrl}/hook`, {
    method: 'POST',
    headers: { authorization: basicOf(caller), 'content-type': 'application/json' },
    body: JSON.stringify({
      config: { url: 'http://receiver:8080/', content_type: 'application/json' },
      events: ['compose-load.*'],
      duration: '1h',
    }),
  })
  check(response.status === 200, `Caduceus says ${response.status}: ${await response.text()}`)
}

async function webhooks({ caduceusUrl, caller }: Access): Promise<string> {
  const response = await fetch(`${caduceusUrl}/hooks`, {
    headers: { authorization: basicOf(caller) },
  })
  return response.text()
}

/** Both kinds of device answer, again and again: one that was moved takes a moment. */
const everybodyAnswers = ({ caller }: Load, withinMs: number): Promise<void> =>
  eventually(
    async () => {
      for (const id of [...OUTSIDE, ...INSIDE]) {
        const { status, text } = await caller.ask(id, 'config')
        check(status === 200, `${id}: ${status} ${text}`)
      }
    },
    { withinMs },
  )

async function killInTurn(load: Load): Promise<void> {
  for (const [service, index] of KILLED) {
    await step(`${service} ${index} is killed, and comes back`, HEALTHY_MS, async () => {
      const found = (await containersOf(engine, PROJECT)).find(
        (container) => container.service === service && container.index === index,
      )
      check(found !== undefined, `there is no ${service} ${index}`)
      await crash(engine, found, IMAGE)
      await eventually(
        async () => {
          const now = (await containersOf(engine, PROJECT)).find(({ name }) => name === found.name)
          check((now?.restarts ?? 0) > found.restarts, `${found.name} was not started again`)
        },
        { withinMs: 60_000 },
      )
      await healthy(HEALTHY_MS)
      await sleep(LOAD_MS)
    })
    await step('every device answers', 60_000, () => everybodyAnswers(load, 55_000))
  }
}

/** How many Talarias Petasos leads to, each tried with a device from outside. */
async function reachableTalarias(access: Access): Promise<number> {
  const origins = new Map<string, string>()
  for (const id of PROBES) origins.set(await redirectOf(access.petasosUrl, id), id)
  for (const id of origins.values()) {
    await using _device = await connectThroughPetasos(access, id)
  }
  return origins.size
}

async function scale(access: Access, count: number): Promise<void> {
  await step(`talaria is scaled to ${count}, each reached from outside`, UP_MS, async () => {
    const scaling = ['--no-deps', '--no-recreate', '--scale', `talaria=${count}`, 'talaria']
    await engine.compose(['up', '-d', ...scaling], UP_MS)
    await healthy(HEALTHY_MS)
    await eventually(
      async () => {
        const found = await reachableTalarias(access)
        check(found === count, `${found} Talarias are reached`)
      },
      { withinMs: 60_000 },
    )
    await sleep(LOAD_MS)
  })
}

async function settleAndCompare(load: Load): Promise<void> {
  const { account } = load
  await step('every acknowledged event has arrived', DELIVERED_MS, async () => {
    await load.settle()
    await eventually(
      async () => {
        check(account.unanswered() === 0, `${account.unanswered()} events have no answer yet`)
        const received = await receivedIds()
        const missing = [...account.acknowledged].filter((id) => !received.has(id))
        check(missing.length === 0, `${missing.length} of ${account.acknowledged.size} are missing`)
      },
      { withinMs: DELIVERED_MS - 20_000 },
    )
  })
  const answers = [...account.answers].toSorted(([one], [other]) => one - other)
  const total = answers.reduce((sum, [, count]) => sum + count, 0)
  say(`      events acknowledged: ${account.acknowledged.size}, all received`)
  say(
    `      commands: ${total}; ${answers.map(([status, count]) => `${status}: ${count}`).join(', ')}`,
  )
  say(`      devices outside connected ${account.connects()} times`)
  await step('every command had a definite answer', 1_000, async () => {
    check(account.faults.length === 0, account.faults.join('; '))
    const strange = answers.filter(([status]) => ![200, 404, 503, 504].includes(status))
    check(strange.length === 0, `statuses that say nothing definite: ${JSON.stringify(strange)}`)
    check((account.answers.get(200) ?? 0) > total / 2, 'fewer than half were answered by a device')
  })
}

async function run(): Promise<void> {
  await step('nothing of an earlier run is there', 60_000, async () => {
    const found = await leftovers(engine, PROJECT)
    check(
      found.length === 0,
      `${found.join(', ')}; take it away: docker compose -p ${PROJECT} down -v`,
    )
  })
  await step('the image is built', BUILD_MS, () => engine.compose(['build', 'secrets'], BUILD_MS))
  const size = await engine.docker(['image', 'inspect', '-f', '{{.Size}}', IMAGE])
  say(`      the image has ${Math.round(Number(size) / 1e6)} MB`)
  await step('up, from nothing', UP_MS, () => engine.compose(['up', '-d'], UP_MS))
  await step('every container is healthy', HEALTHY_MS, () => healthy(HEALTHY_MS))
  const access = await step('the secrets are shown', 60_000, () => readAccess(engine))
  await step('a webhook is registered', 30_000, () => registerWebhook(access))
  await step('a device outside follows the redirect to a published port', 30_000, async () => {
    const origin = await redirectOf(access.petasosUrl, OUTSIDE[0] ?? '')
    check(new URL(origin).hostname === '127.0.0.1', `it was sent to ${origin}`)
    await using _device = await connectThroughPetasos(access, OUTSIDE[0] ?? '')
  })
  {
    await using load = startLoad(access, { outside: OUTSIDE, inside: INSIDE })
    await step('a command reaches each, outside and inside', 60_000, () =>
      everybodyAnswers(load, 55_000),
    )
    await step('events arrive at the webhook', 30_000, () =>
      eventually(async () => check((await receivedIds()).size > 0, 'none'), { withinMs: 25_000 }),
    )
    await killInTurn(load)
    await scale(access, 4)
    await scale(access, 2)
    await step('every device answers', 60_000, () => everybodyAnswers(load, 55_000))
    await settleAndCompare(load)
  }
  await downAndUp(access)
}

async function downAndUp(before: Access): Promise<void> {
  await step('down, and up again: secrets and data are kept', UP_MS + DOWN_MS, async () => {
    await engine.compose(['down'], DOWN_MS)
    await engine.compose(['up', '-d'], UP_MS)
    await healthy(HEALTHY_MS)
    const after = await readAccess(engine)
    check(JSON.stringify(after) === JSON.stringify(before), 'the secrets changed')
    const kept = await webhooks(after)
    check(kept.includes('receiver:8080'), `the webhook is gone: ${kept}`)
  })
}

async function tearDown(hasFailed: boolean): Promise<void> {
  const logs = join(tmpdir(), `${PROJECT}.log`)
  if (hasFailed) {
    writeFileSync(logs, await engine.compose(['logs', '--no-color'], 60_000))
    say(`the logs of all containers are in ${logs}`)
  } else rmSync(logs, { force: true })
  await step('down, with the volumes; nothing is left', DOWN_MS + 60_000, async () => {
    await engine.compose(['down', '-v', '--remove-orphans'], DOWN_MS)
    const found = await leftovers(engine, PROJECT)
    check(found.length === 0, found.join(', '))
  })
}

let hasFailed = false
try {
  await run()
} catch (error) {
  hasFailed = true
  process.stderr.write(`${(error as Error).stack}\n`)
}
await tearDown(hasFailed).catch(() => {
  hasFailed = true
})
say(hasFailed ? 'FAILED' : 'passed')
process.exit(hasFailed ? 1 : 0)
