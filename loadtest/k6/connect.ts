/**
 * Devices connect and stay: Themis' token, Petasos' redirect, the websocket, then HOLD_SECONDS in
 * which the connection is to last and Talaria's pings are answered.
 */
import { holding, rampEndMs, runDevices, waitFor } from './fleet.ts'
import { deviceKept } from './measures.ts'
import { summaryOf, TREND_STATISTICS } from './report.ts'
import { DEVICES, numberOf } from './settings.ts'

const HOLD_SECONDS = numberOf('HOLD_SECONDS', 60)

/** Who was held longer than this must have been pinged: Talaria's TALARIA_PING_MS and a little. */
const PING_SECONDS = numberOf('PING_SECONDS', 25, 0.01)

export const options = {
  scenarios: { devices: holding('devices', HOLD_SECONDS) },
  summaryTrendStats: TREND_STATISTICS,
  thresholds: {
    device_connected: ['rate==1'],
    device_connect_duration: [`p(95)<${numberOf('CONNECT_MS', 1_000)}`],
    devices_lost: ['count==0'],
    device_kept: ['rate==1'],
  },
}

export async function devices(): Promise<void> {
  await runDevices(async (device) => {
    const sinceMs = Date.now()
    await waitFor(() => !device.isOpen, rampEndMs() + HOLD_SECONDS * 1_000)
    const isTooEarly = Date.now() - sinceMs < PING_SECONDS * 1_000
    deviceKept.add(device.isOpen && (isTooEarly || device.pingCount > 0))
  })
}

export const handleSummary = summaryOf(`connect: ${DEVICES} devices, held ${HOLD_SECONDS} s`)
