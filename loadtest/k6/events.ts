/**
 * Devices send events: RATE a second over all of them, each as one binary frame. With a qos from 25
 * on it is measured until the acknowledgement, which says that the stream EVENTS has it.
 */
import { sendEvents } from './event-sender.ts'
import { holding, rampEndMs, runDevices, wait } from './fleet.ts'
import { eventsHeldBack } from './measures.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import { DEVICES, DURATION_SECONDS, numberOf, PAYLOAD_BYTES, textOf } from './settings.ts'

const RATE = numberOf('RATE', 100, 0.001)
const TYPE = textOf('EVENT_TYPE', 'load')

export const options = {
  scenarios: { devices: holding('devices', DURATION_SECONDS) },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_connected: ['rate==1'],
    devices_lost: ['count==0'],
    event_acknowledged: ['rate==1'],
    event_ack_duration: [`p(95)<${numberOf('ACK_MS', 500)}`],
    events_held_back: ['count==0'],
  },
}

export async function devices(): Promise<void> {
  eventsHeldBack.add(0)
  await runDevices(async (device) => {
    await wait(rampEndMs() - Date.now())
    const untilMs = Date.now() + DURATION_SECONDS * 1_000
    await sendEvents(device, { type: TYPE, everyMs: (1_000 * DEVICES) / RATE, untilMs })
  })
}

export const handleSummary = summaryOf(
  `events: ${RATE} a second of ${PAYLOAD_BYTES} bytes from ${DEVICES} devices`,
)
