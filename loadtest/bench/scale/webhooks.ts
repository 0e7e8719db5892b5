/**
 * Whether an event costs in a line with the webhooks that get it. Each has consumers of its own, so
 * none may make the others dearer.
 */
import type { Figure, Goal } from '#loadtest/bench/scenario.ts'
import { fitLine } from '#loadtest/bench/statistics.ts'
import { measure, type Amount } from '#loadtest/bench/webhooks/measure.ts'
import { startCaduceus, startLoad } from '#loadtest/bench/webhooks/rig.ts'

const COUNTS = [1, 10, 100, 1_000] as const

/** So many deliveries that the system's counters, which count hundredths, say something. */
const DELIVERIES = 4_000

/** And as many events at least. */
const EVENTS_MIN = 8

/** One owner has them all here. */
const ENVIRONMENT = {
  CADUCEUS_OWNER_WEBHOOKS_MAX: '2000',
  CADUCEUS_OWNER_CHANGES_PER_MINUTE: '10000',
}

/** The least that counts as a line. */
const R2_MIN = 0.98

/** Measures each count, with a Caduceus and a nats-server of its own. */
export async function measureWebhooks(
  say: (progress: string) => void,
): Promise<{ figures: Figure[]; goals: Goal[] }> {
  await using load = await startLoad()
  const points: { x: number; y: number }[] = []
  for (const webhookCount of COUNTS) {
    say(`${webhookCount.toLocaleString('en')} webhooks`)
    await using caduceus = await startCaduceus(load.receiverUrl, webhookCount, {
      environment: ENVIRONMENT,
    })
    const events = Math.max(EVENTS_MIN, Math.ceil(DELIVERIES / webhookCount))
    const amount: Amount = { webhookCount, events }
    // Connections are opened and code is compiled before anything counts.
    await measure(load, caduceus, amount)
    const { cpuMs } = await measure(load, caduceus, amount)
    points.push({ x: webhookCount, y: cpuMs * webhookCount })
  }
  const { slope, r2 } = fitLine(points)
  const what = 'processor time of an event, Caduceus and nats-server'
  return {
    figures: [
      ...points.map(({ x, y }) => ({
        what: `${what}: ${x.toLocaleString('en')} webhooks`,
        unit: 'ms',
        values: [y],
      })),
      { what: `${what}: each webhook`, unit: 'ms', values: [slope] },
    ],
    goals: [{ what: `R² of ${what}, by webhooks`, measured: r2, is: 'at least', limit: R2_MIN }],
  }
}
