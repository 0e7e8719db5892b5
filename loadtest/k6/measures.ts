/**
 * Every measure of the scripts, made once when a script starts, as k6 wants it. Times are in
 * milliseconds. A rate says how many of all went well, and is the one to set a threshold on: k6
 * passes over the threshold of a measure that got no value.
 */
import { Counter, Rate, Trend } from 'k6/metrics'

/** A device's way in: its token, where Petasos sends it, the websocket, and all of it. */
export const tokenDuration = new Trend('device_token_duration', true)
export const redirectDuration = new Trend('device_redirect_duration', true)
export const websocketDuration = new Trend('device_websocket_duration', true)
export const connectDuration = new Trend('device_connect_duration', true)
export const deviceConnected = new Rate('device_connected')

/** Connections that ended although nobody here ended them; pings that came, each answered by k6. */
export const devicesLost = new Counter('devices_lost')
export const devicePings = new Counter('device_pings')
/** Devices that were still there at the end, and had been pinged if there was time for it. */
export const deviceKept = new Rate('device_kept')

/** Events: from the sending to the acknowledgement, which says that the stream has it. */
export const eventsSent = new Counter('events_sent')
export const eventDuration = new Trend('event_ack_duration', true)
export const eventAcknowledged = new Rate('event_acknowledged')
/** Events not sent as too many of the device's were unanswered: the load was less than asked for. */
export const eventsHeldBack = new Counter('events_held_back')

/** Commands, as their caller sees them, and those to a device that nobody holds. */
export const commandDuration = new Trend('command_duration', true)
export const commandAnswered = new Rate('command_answered')
export const missingDuration = new Trend('command_missing_duration', true)
export const missingRefused = new Rate('command_missing_404')

/** Webhooks: what their owner asks of Caduceus, and what came to the receiver. */
export const registerDuration = new Trend('webhook_register_duration', true)
export const listDuration = new Trend('webhook_list_duration', true)
export const deliveryDuration = new Trend('webhook_delivery_duration', true)
export const webhookDelivered = new Rate('webhook_delivered')
export const webhookRepeats = new Counter('webhook_repeats')

/** After a loss: until the device is connected again, and whether it came back in time. */
export const recoveryDuration = new Trend('device_recovery_duration', true)
export const deviceRecovered = new Rate('device_recovered')
