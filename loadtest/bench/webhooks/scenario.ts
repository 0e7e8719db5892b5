/**
 * What it costs to bring an event to 1, 10 and 100 webhooks, signed and from a durable stream, beside
 * a bare loop of the same dependencies that decodes, matches and signs nothing.
 */
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'
import { measure, type Amount, type Cost } from './measure.ts'
import { startBare, startCaduceus, startLoad, type Load, type Side } from './rig.ts'

/** Rounds of both in turn, so that what the machine does meanwhile hits both alike. */
const ROUNDS = 2

/** How long events come at a rate. */
const SECONDS = 2.5

/** Deliveries a second; and how many are to be made as fast as it goes. */
const RATES = [500, 3_000] as const
const MOST = { deliveries: 15_000, ofOne: 8_000 }

const WEBHOOKS = [1, 10, 100] as const

/** Above this share of a core the receivers or the publisher are what is measured. */
const SHARE_MAX = 0.8

/** The goals: a ratio to the bare loop for processor time and p50, and deliveries a second. */
const CPU_RATIO_MAX = 1.5
const P50_RATIO_MAX = 2
const PER_SECOND_MIN = 7_000

interface Case {
  name: string
  amount: Amount
  /** Of each round. */
  bare: Cost[]
  caduceus: Cost[]
}

/** The scenario. */
export const scenario: Scenario = { about: 'an event to 1, 10 and 100 webhooks', run }

async function run(say: (progress: string) => void): Promise<Outcome> {
  const cases = WEBHOOKS.flatMap(casesOf)
  await using load = await startLoad()
  for (const webhookCount of WEBHOOKS) {
    const own = cases.filter(({ amount }) => amount.webhookCount === webhookCount)
    await using bare = await startBare(load.receiverUrl, webhookCount)
    await using caduceus = await startCaduceus(load.receiverUrl, webhookCount)
    for (const side of [bare, caduceus]) await warmUp(load, side, webhookCount)
    for (let round = 1; round <= ROUNDS; round += 1) {
      say(`${webhookCount} webhooks, round ${round} of ${ROUNDS}`)
      for (const each of own) {
        each.bare.push(await measure(load, bare, each.amount))
        each.caduceus.push(await measure(load, caduceus, each.amount))
      }
    }
  }
  return outcomeOf(cases)
}

function casesOf(webhookCount: number): Case[] {
  const atRate = RATES.map((rate) => ({
    name: `${rate}/s`,
    amount: {
      webhookCount,
      events: Math.ceil((rate * SECONDS) / webhookCount),
      perSecond: rate / webhookCount,
    },
  }))
  const deliveries = webhookCount === 1 ? MOST.ofOne : MOST.deliveries
  const most = { webhookCount, events: Math.ceil(deliveries / webhookCount) }
  return [...atRate, { name: 'as fast as it goes', amount: most }].map(({ name, amount }) => ({
    name: `${webhookCount} ${webhookCount === 1 ? 'webhook' : 'webhooks'}, ${name}`,
    amount,
    bare: [],
    caduceus: [],
  }))
}

/** Connections are opened and code is compiled before anything counts. */
async function warmUp(load: Load, side: Side, webhookCount: number): Promise<void> {
  await measure(load, side, { webhookCount, events: Math.ceil(3_000 / webhookCount) })
}

function outcomeOf(cases: readonly Case[]): Outcome {
  const figures = cases.flatMap(({ name, amount, bare, caduceus }): Figure[] => {
    const both = (what: string, unit: string, of: (cost: Cost) => number): Figure[] => [
      { what: `${name}: ${what}, bare`, unit, values: bare.map(of) },
      { what: `${name}: ${what}`, unit, values: caduceus.map(of) },
    ]
    return [
      ...both('CPU of a delivery', 'ms', ({ cpuMs }) => cpuMs),
      ...both('of it nats-server', 'ms', ({ natsCpuMs }) => natsCpuMs),
      ...(amount.perSecond === undefined
        ? both('deliveries', '/s', ({ perSecond }) => perSecond)
        : both('published to POST, p50', 'ms', ({ p50Ms }) => p50Ms)),
    ]
  })
  const busiest = Math.max(
    ...cases.flatMap(({ bare, caduceus }) =>
      [...bare, ...caduceus].map(({ receiverShare: one, publisherShare: other }) =>
        Math.max(one, other),
      ),
    ),
  )
  return {
    figures,
    goals: cases.flatMap(goalsOf),
    ...(busiest > SHARE_MAX && {
      invalid: `receivers or publisher took ${Math.round(busiest * 100)} % of a core`,
    }),
  }
}

function goalsOf({ name, amount, bare, caduceus }: Case): Goal[] {
  const ratio = (of: (cost: Cost) => number): number =>
    median(caduceus.map((cost, round) => of(cost) / of(bare[round] ?? cost)))
  const cpu: Goal = {
    what: `${name}: CPU over the bare loop's`,
    measured: ratio(({ cpuMs }) => cpuMs),
    limit: CPU_RATIO_MAX,
    is: 'at most',
  }
  if (amount.perSecond !== undefined) {
    const measured = ratio(({ p50Ms }) => p50Ms)
    const what = `${name}: p50 over the bare loop's`
    return [cpu, { what, measured, limit: P50_RATIO_MAX, is: 'at most' }]
  }
  if (amount.webhookCount === 1) return [cpu]
  const measured = median(caduceus.map(({ perSecond }) => perSecond))
  const what = `${name}: deliveries a second`
  return [cpu, { what, measured, limit: PER_SECOND_MIN, is: 'at least' }]
}
