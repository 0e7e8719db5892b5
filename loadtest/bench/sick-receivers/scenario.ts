/**
 * What ten webhooks feel of thirty others that hang, fail or refuse. The baseline is the same Caduceus
 * without the thirty: nobody else's latency may be theirs.
 */
import { startChild } from '#loadtest/bench/child.ts'
import type { Figure, Goal, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { median } from '#loadtest/bench/statistics.ts'
import { measure, type Amount, type Cost } from '#loadtest/bench/webhooks/measure.ts'
import { startCaduceus, startLoad } from '#loadtest/bench/webhooks/rig.ts'
import type { Sick } from './sick.ts'

/** Of each kind. */
const SICK_COUNT = 10

const HEALTHY_COUNT = 10

/** Each event goes to all forty. */
const EVENTS_PER_SECOND = 50
const SECONDS = 6

/** The first counts for nothing: Caduceus learns in it who is ill. */
const ROUNDS = 4

/** Of the latency without them. */
const LATENCY_MAX = 2

/** The scenario `sick-receivers`. */
export const scenario: Scenario = {
  about: 'healthy webhooks beside sick ones, and without them',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  await using load = await startLoad()
  await using receivers = startChild('loadtest/bench/sick-receivers/sick.ts')
  const sick = await receivers.ask<Sick>({})
  const others = [sick.hanging, sick.failing, sick.refusing].flatMap((url) =>
    Array.from({ length: SICK_COUNT }, (_, index) => `${url}/${index}`),
  )
  await using without = await startCaduceus(load.receiverUrl, HEALTHY_COUNT)
  await using beside = await startCaduceus(load.receiverUrl, HEALTHY_COUNT, { others })
  const amount: Amount = {
    webhookCount: HEALTHY_COUNT,
    events: EVENTS_PER_SECOND * SECONDS,
    perSecond: EVENTS_PER_SECOND,
  }
  const costs = { without: [] as Cost[], beside: [] as Cost[] }
  for (let round = 0; round < ROUNDS; round += 1) {
    say(round === 0 ? 'warming up' : `round ${round} of ${ROUNDS - 1}`)
    const one = await measure(load, without, amount)
    const other = await measure(load, beside, amount)
    if (round === 0) continue
    costs.without.push(one)
    costs.beside.push(other)
  }
  return { figures: figuresOf(costs), goals: goalsOf(costs) }
}

type Costs = Readonly<Record<'without' | 'beside', readonly Cost[]>>

const figuresOf = (costs: Costs): Figure[] =>
  (['without', 'beside'] as const).flatMap((side) => {
    const figure = (what: string, of: (cost: Cost) => number): Figure => ({
      what: `${side} sick ones: ${what}`,
      unit: 'ms',
      values: costs[side].map(of),
    })
    return [
      figure('published to POST, p50', ({ p50Ms }) => p50Ms),
      figure('published to POST, p99', ({ p99Ms }) => p99Ms),
      figure('CPU for each healthy delivery', ({ cpuMs }) => cpuMs),
    ]
  })

function goalsOf({ without, beside }: Costs): Goal[] {
  const goal = (what: string, of: (cost: Cost) => number): Goal => ({
    what: `${what} beside sick ones, of without`,
    measured: median(beside.map((cost, round) => of(cost) / of(without[round] ?? cost))),
    is: 'at most',
    limit: LATENCY_MAX,
  })
  return [goal('p50', ({ p50Ms }) => p50Ms), goal('p99', ({ p99Ms }) => p99Ms)]
}
