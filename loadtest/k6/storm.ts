/**
 * Many devices lose their connection at once and all come back: ROUNDS times by closing them here,
 * or, with ROUNDS=0, whenever the deployment lets go of them within DURATION_SECONDS (drain or kill
 * a Talaria meanwhile). Each keeps its token and waits ever longer between its attempts.
 */
import { connectDevice, type Device } from './device.ts'
import { holding, rampEndMs, runDevices, wait, waitFor } from './fleet.ts'
import { deviceRecovered, devicesLost, recoveryDuration } from './measures.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import { countOf, DEVICES, DURATION_SECONDS, numberOf } from './settings.ts'

const ROUNDS = countOf('ROUNDS', 3, 0, 1_000)

/** From one round to the next: by then all must be back. */
const ROUND_SECONDS = numberOf('ROUND_SECONDS', 20, 0.1)

/** The wait before the second attempt; each further one is twice as long, up to the last. */
const BACKOFF_MS = numberOf('BACKOFF_MS', 500, 1)
const BACKOFF_MS_MAX = numberOf('BACKOFF_MS_MAX', 10_000, 1)

const HOLD_SECONDS = ROUNDS > 0 ? (ROUNDS + 1) * ROUND_SECONDS : DURATION_SECONDS

export const options = {
  scenarios: { devices: holding('devices', HOLD_SECONDS) },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_recovered: ['rate==1'],
    device_recovery_duration: [`p(95)<${numberOf('RECOVERY_MS', 5_000)}`],
    ...(ROUNDS > 0 && { devices_lost: ['count==0'] }),
  },
}

export async function devices(): Promise<void> {
  devicesLost.add(0)
  const startMs = rampEndMs()
  const endMs = startMs + HOLD_SECONDS * 1_000
  await runDevices(async (first) => {
    let device: Device | undefined = first
    for (let round = 1; device; round += 1) {
      const roundMs = startMs + round * ROUND_SECONDS * 1_000
      const isOwnDoing = await lives(device, round <= ROUNDS ? roundMs : endMs)
      if (Date.now() >= endMs) return device.close()
      if (isOwnDoing) await device.close()
      else round -= 1
      device = await recover(device, Date.now() + ROUND_SECONDS * 1_000)
    }
  })
}

/** Waits until the device is gone or it is time to close it; says whether it is the second. */
async function lives(device: Device, untilMs: number): Promise<boolean> {
  return !(await waitFor(() => !device.isOpen, untilMs))
}

/** Connects again and again until it works or the time is over. */
async function recover(lost: Device, untilMs: number): Promise<Device | undefined> {
  const startMs = Date.now()
  for (let backoffMs = BACKOFF_MS; ; backoffMs = Math.min(2 * backoffMs, BACKOFF_MS_MAX)) {
    const device = await connectDevice(lost.id, lost.token)
    if (device) {
      recoveryDuration.add(Date.now() - startMs)
      deviceRecovered.add(true)
      return device
    }
    if (Date.now() + backoffMs > untilMs) {
      deviceRecovered.add(false)
      return undefined
    }
    // Half of it by chance, so that those refused together do not come back together.
    await wait(backoffMs * (0.5 + Math.random() / 2))
  }
}

export const handleSummary = summaryOf(
  ROUNDS > 0
    ? `storm: ${DEVICES} devices, ${ROUNDS} times all at once`
    : `storm: ${DEVICES} devices, ${DURATION_SECONDS} s of waiting for losses`,
)
