/** Receivers that fail, hang, reset and stand still, beside a sound one. */
import type { WebhookPlan } from '#loadtest/chaos/load/webhooks.ts'
import {
  keptAsDeadLetter,
  lettersCounted,
  owedLetters,
  readDeadLetters,
} from '#loadtest/chaos/promises/dead-letters.ts'
import { quantile } from '#loadtest/chaos/quantile.ts'
import type { Rig } from '#loadtest/chaos/rig.ts'
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { wait } from '#libs/retry/wait.ts'
import { FABRIC, LOAD, PROMISES } from './parts.ts'

/** Four attempts, the longest of 2 s: then it is a dead letter. */
const CADUCEUS = { CADUCEUS_ATTEMPT_MS: '2000', CADUCEUS_RETRY_DELAYS_MS: '300,600,1200' }

/** A webhook that hangs holds an attempt for 2 s: it wants few events, or it would never be done. */
const FEW = '0$'

const WEBHOOKS: readonly WebhookPlan[] = [
  { name: 'sound', events: 'chaos-.*', devices: '.*' },
  { name: 'standing', events: 'chaos-.*', devices: '.*' },
  { name: 'failing', events: 'chaos-.*', devices: '[0-7]$', manner: 'failing' },
  { name: 'resetting', events: 'chaos-a', devices: '.*', manner: 'resetting' },
  { name: 'hanging', events: 'chaos-a', devices: FEW, manner: 'hanging' },
]

/** The last attempt at the last event is some ten seconds after it. */
const LETTERS_MS = 90_000
const POLL_MS = 1_000

/** No Caduceus is killed, so that its counters are of the whole run. */
export const sick: Scenario = {
  name: 'sick',
  about:
    'receivers that answer 500, hang, reset and stand still: only they suffer, nothing is lost',
  scheduled: {
    fabric: { ...FABRIC, environment: { caduceus: CADUCEUS } },
    load: { ...LOAD, commandsPerSecond: 5 },
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [2_000, 5_000],
      hazards: [
        { action: 'pause', roles: ['receiver'], names: ['standing'], lasts: [[1_000, 3_500]] },
      ],
    },
    promises: PROMISES,
    examine,
  },
}

async function examine({ fabric, records, webhooks, tell }: Rig) {
  const until = performance.now() + LETTERS_MS
  let letters = await readDeadLetters(fabric.nats)
  const isLeft = (): boolean =>
    owedLetters(records, webhooks.all, letters).some(({ count }) => count === 0)
  while (isLeft() && performance.now() < until) {
    tell('dead letters are still to come')
    await wait(POLL_MS)
    letters = await readDeadLetters(fabric.nats)
  }
  const attempts = webhooks.all
    .filter(({ manner }) => manner !== 'sound')
    .map(({ name, attempts: count }) => `${count} to ${name}`)
  return {
    verdicts: [
      keptAsDeadLetter(owedLetters(records, webhooks.all, letters)),
      await lettersCounted(fabric.caduceuses, letters),
    ],
    figures: {
      'the sound one after': latencyOf('sound', webhooks, records),
      'the one that stood still after': latencyOf('standing', webhooks, records),
      'attempts in vain': attempts.join(', '),
    },
  }
}

/** From the device's sending to the receiver's taking. */
function latencyOf(name: string, webhooks: Rig['webhooks'], records: Rig['records']): string {
  const webhook = webhooks.all.find((each) => each.name === name)
  const times = [...(webhook?.deliveries ?? [])].flatMap(([id, { firstAtMs }]) => {
    const event = records.events.get(id)
    return event ? [firstAtMs - event.sentAtMs] : []
  })
  const at = (share: number): number => Math.round(quantile(times, share))
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms (${times.length} events)`
}
