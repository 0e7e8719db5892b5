/**
 * A day in a minute: devices that send events and answer commands, callers, devices that come and
 * go, and, with WEBHOOKS=1, owners of webhooks whose events are seen at a receiver.
 */
import exec from 'k6/execution'
import { answerCommands, call } from './caller.ts'
import { connectDevice, deviceIdOf } from './device.ts'
import { sendEvents } from './event-sender.ts'
import { holding, rampEndMs, runDevices, wait, waitFor } from './fleet.ts'
import { eventsHeldBack } from './measures.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import {
  countOf,
  DEVICES,
  DURATION_SECONDS,
  numberOf,
  RAMP_SECONDS,
  seconds,
  textOf,
  TIMEOUT_SECONDS,
} from './settings.ts'
import { awaitDeliveries, list, register, remove, requireReceiver } from './webhook-owner.ts'

const EVENT_RATE = numberOf('EVENT_RATE', 50, 0.001)
const COMMAND_RATE = countOf('COMMAND_RATE', 20, 1)
const VISIT_RATE = countOf('VISIT_RATE', 2, 1)
const hasWebhooks = textOf('WEBHOOKS', '0') === '1'

const SETTLE_SECONDS = 2
const HOLD_SECONDS = SETTLE_SECONDS + DURATION_SECONDS + TIMEOUT_SECONDS

/** A visitor sends some events in this time and leaves. */
const VISIT_SECONDS = 2

const arriving = (execName: string, rate: number, vus: number) => ({
  executor: 'constant-arrival-rate' as const,
  exec: execName,
  startTime: seconds(RAMP_SECONDS + SETTLE_SECONDS),
  duration: seconds(DURATION_SECONDS),
  rate,
  timeUnit: '1s',
  preAllocatedVUs: vus,
})

export const options = {
  scenarios: {
    devices: holding('devices', HOLD_SECONDS),
    callers: arriving('callers', COMMAND_RATE, Math.max(10, COMMAND_RATE)),
    visitors: arriving('visitors', VISIT_RATE, Math.ceil(VISIT_RATE * (VISIT_SECONDS + 3))),
  },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_connected: ['rate==1'],
    devices_lost: ['count==0'],
    event_acknowledged: ['rate==1'],
    event_ack_duration: [`p(95)<${numberOf('ACK_MS', 500)}`],
    command_answered: ['rate==1'],
    command_duration: [`p(95)<${numberOf('COMMAND_MS', 500)}`],
    command_missing_404: ['rate==1'],
    dropped_iterations: ['count==0'],
    ...(hasWebhooks && {
      webhook_delivered: ['rate==1'],
      webhook_delivery_duration: [`p(95)<${numberOf('DELIVERY_MS', 2_000)}`],
      checks: ['rate==1'],
    }),
  },
}

export async function setup(): Promise<void> {
  if (hasWebhooks) await requireReceiver()
}

/** Held devices: events out, commands in. */
export async function devices(): Promise<void> {
  eventsHeldBack.add(0)
  await runDevices(async (device) => {
    answerCommands(device)
    const endMs = rampEndMs() + HOLD_SECONDS * 1_000
    await wait(rampEndMs() - Date.now())
    await sendEvents(device, {
      type: 'load',
      everyMs: (1_000 * DEVICES) / EVENT_RATE,
      untilMs: Date.now() + DURATION_SECONDS * 1_000,
    })
    await waitFor(() => !device.isOpen, endMs)
  })
}

export const callers = call

/** A device that comes, sends and goes; with webhooks, its events are followed to one of its own. */
export async function visitors(): Promise<void> {
  // Behind the held ones, and no two at the same time the same.
  const number = exec.scenario.iterationInTest
  const type = `visit-${exec.scenario.startTime}-${number}`
  if (hasWebhooks) {
    await register(type, type, 'registered')
    await list(type)
  }
  const device = await connectDevice(deviceIdOf(DEVICES + (number % 100_000)))
  if (device) {
    const untilMs = Date.now() + VISIT_SECONDS * 1_000
    const events = await sendEvents(device, { type, everyMs: 500, untilMs })
    await device.close()
    if (hasWebhooks) await awaitDeliveries(type, events)
  }
  if (hasWebhooks) await remove(type)
}

export const handleSummary = summaryOf(
  `mixed: ${DEVICES} devices, ${EVENT_RATE} events, ${COMMAND_RATE} commands, ` +
    `${VISIT_RATE} visits a second`,
)
