/** Whether a connection is there, shown as a metric. */
import type { Nats } from './connect.ts'

/** Calls `show` now and at each change, until the connection is disposed. */
export function showConnected(nats: Nats, show: (value: 0 | 1) => void): void {
  const tell = (isConnected: boolean): void => show(isConnected ? 1 : 0)
  tell(nats.isConnected)
  nats.onConnectedChange(tell)
}
