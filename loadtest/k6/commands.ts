/**
 * Callers ask devices through Scytale, RATE times a second. The devices are held here and answer at
 * once with what they got, so that the whole way there and back is measured and nothing else.
 */
import { answerCommands, call } from './caller.ts'
import { holding, rampEndMs, runDevices, waitFor } from './fleet.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import {
  countOf,
  DEVICES,
  DURATION_SECONDS,
  numberOf,
  PAYLOAD_BYTES,
  RAMP_SECONDS,
  seconds,
  TIMEOUT_SECONDS,
} from './settings.ts'

const RATE = countOf('RATE', 50, 1)

/** Between the last device's connecting and the first call. */
const SETTLE_SECONDS = 2

/** So many calls may be under way; further ones are left out, counted as `dropped_iterations`. */
const CALLERS = countOf('CALLERS', Math.min(500, Math.max(10, RATE)), 1, 10_000)

const HOLD_SECONDS = SETTLE_SECONDS + DURATION_SECONDS + TIMEOUT_SECONDS

export const options = {
  scenarios: {
    devices: holding('devices', HOLD_SECONDS),
    callers: {
      executor: 'constant-arrival-rate' as const,
      exec: 'callers',
      startTime: seconds(RAMP_SECONDS + SETTLE_SECONDS),
      duration: seconds(DURATION_SECONDS),
      rate: RATE,
      timeUnit: '1s',
      preAllocatedVUs: CALLERS,
    },
  },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_connected: ['rate==1'],
    devices_lost: ['count==0'],
    command_answered: ['rate==1'],
    command_duration: [`p(95)<${numberOf('COMMAND_MS', 500)}`],
    command_missing_404: ['rate==1'],
    dropped_iterations: ['count==0'],
  },
}

export async function devices(): Promise<void> {
  await runDevices(async (device) => {
    answerCommands(device)
    await waitFor(() => !device.isOpen, rampEndMs() + HOLD_SECONDS * 1_000)
  })
}

export const callers = call

export const handleSummary = summaryOf(
  `commands: ${RATE} a second of ${PAYLOAD_BYTES} bytes to ${DEVICES} devices`,
)
