/**
 * Owners of webhooks, one each VU: registers FANOUT webhooks, sees them listed, renews them while a
 * device of its own sends events, sees each acknowledged event at each webhook, removes them.
 */
import exec from 'k6/execution'
import { connectDevice, deviceIdOf } from './device.ts'
import { sendEvents } from './event-sender.ts'
import { wait } from './fleet.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import { countOf, DURATION_SECONDS, longestOf, numberOf, TIMEOUT_SECONDS } from './settings.ts'
import { awaitDeliveries, list, register, remove, requireReceiver } from './webhook-owner.ts'

const OWNERS = countOf('OWNERS', 10, 1, 10_000)
const FANOUT = countOf('FANOUT', 1, 1, 100)
const RATE = numberOf('RATE', 10, 0.001)
const RENEW_SECONDS = numberOf('RENEW_SECONDS', 15, 0.1)

export const options = {
  scenarios: {
    owners: {
      executor: 'per-vu-iterations' as const,
      exec: 'owners',
      vus: OWNERS,
      iterations: 1,
      maxDuration: longestOf(DURATION_SECONDS),
    },
  },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_connected: ['rate==1'],
    event_acknowledged: ['rate==1'],
    webhook_delivered: ['rate==1'],
    webhook_delivery_duration: [`p(95)<${numberOf('DELIVERY_MS', 2_000)}`],
    checks: ['rate==1'],
  },
}

export const setup = requireReceiver

export async function owners(): Promise<void> {
  const number = exec.scenario.iterationInTest
  const type = `load-${exec.scenario.startTime}-${number}`
  const names = Array.from({ length: FANOUT }, (_, index) => `${type}-${index}`)
  await Promise.all(names.map((name) => register(name, type, 'registered')))
  await Promise.all(names.map((name) => list(name)))
  const untilMs = Date.now() + DURATION_SECONDS * 1_000
  const [events] = await Promise.all([
    sendFrom(deviceIdOf(number), type, untilMs),
    ...names.map((name) => renew(name, type, untilMs)),
  ])
  await Promise.all(names.map((name) => awaitDeliveries(name, events)))
  await Promise.all(names.map((name) => remove(name)))
}

async function sendFrom(id: string, type: string, untilMs: number) {
  const device = await connectDevice(id)
  if (!device) return []
  const events = await sendEvents(device, { type, everyMs: (1_000 * OWNERS) / RATE, untilMs })
  await device.close()
  return events
}

async function renew(name: string, type: string, untilMs: number): Promise<void> {
  for (let dueMs = Date.now(); ;) {
    dueMs += RENEW_SECONDS * 1_000
    if (dueMs > untilMs) return
    await wait(dueMs - Date.now())
    await register(name, type, 'renewed')
  }
}

export const handleSummary = summaryOf(
  `webhooks: ${OWNERS * FANOUT} of ${OWNERS} owners, ${RATE} events a second, ` +
    `at most ${TIMEOUT_SECONDS} s for the last delivery`,
)
