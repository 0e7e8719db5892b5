/** The devices that one VU holds: each connects at its moment of the ramp and then lives its life. */
import exec from 'k6/execution'
import { setTimeout } from 'k6/timers'
import { connectDevice, deviceIdOf, type Device } from './device.ts'
import { devicesLost } from './measures.ts'
import { DEVICE_VUS, DEVICES, DEVICES_PER_VU, longestOf, RAMP_SECONDS } from './settings.ts'

/** Resolves after so many milliseconds; k6's own `sleep` would stop every device of the VU. */
export const wait = (ms: number): Promise<void> =>
  new Promise((resolve) => void setTimeout(resolve, Math.max(0, ms)))

/** Calls `isSo` until it says yes, or until `untilMs`; says which of them it was. */
export async function waitFor(isSo: () => boolean, untilMs: number): Promise<boolean> {
  while (!isSo()) {
    if (Date.now() >= untilMs) return false
    await wait(POLL_MS)
  }
  return true
}

/** Short against what is waited for, long against what looking costs. */
const POLL_MS = 20

/** A scenario that holds all devices for so many seconds after the ramp. */
export const holding = (execName: string, holdSeconds: number) => ({
  executor: 'per-vu-iterations' as const,
  exec: execName,
  vus: DEVICE_VUS,
  iterations: 1,
  maxDuration: longestOf(RAMP_SECONDS + holdSeconds),
})

/** When all devices are to have connected; for one that was late, now. Milliseconds since 1970. */
export const rampEndMs = (): number =>
  Math.max(Date.now(), exec.scenario.startTime + RAMP_SECONDS * 1_000)

/**
 * Connects the devices of this VU and calls `live` with each; what it resolves with ends the device.
 * One that is refused is not tried again: the measure of it is made.
 */
export async function runDevices(live: (device: Device, index: number) => Promise<void>) {
  const firstIndex = exec.scenario.iterationInTest * DEVICES_PER_VU
  const count = Math.min(DEVICES_PER_VU, DEVICES - firstIndex)
  const startMs = exec.scenario.startTime
  // A measure without a value has no threshold.
  devicesLost.add(0)
  await Promise.all(
    Array.from({ length: count }, async (_, offset) => {
      const index = firstIndex + offset
      await wait(startMs + (RAMP_SECONDS * 1_000 * index) / DEVICES - Date.now())
      const device = await connectDevice(deviceIdOf(index))
      if (!device) return
      await live(device, index)
      await device.close()
    }),
  )
}
