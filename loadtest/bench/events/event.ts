/** The event that is measured: some 500 bytes, as a device's status is. */
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'

/** Ids of the devices that send it. */
export const DEVICE_IDS: readonly string[] = Array.from(
  { length: 50 },
  (_, index) => `mac:${(0xaa_00_00_00_00_00 + index).toString(16)}`,
)

/** How many of its events each awaits the acknowledgements of. */
export const IN_FLIGHT = 8

const PAYLOAD = Buffer.from(
  JSON.stringify({
    id: 'mac:aa0000000000',
    ts: '2026-01-01T00:00:00.000000000Z',
    'bytes-sent': 12_345,
    'messages-sent': 123,
    'up-time': '12h34m56s',
    parameters: Array.from({ length: 5 }, (_, index) => ({
      name: `Device.X.${index}`,
      value: index,
    })),
  }),
)

/** One event of the device, msgpack. */
export const eventOf = (device: string): Uint8Array =>
  encode({
    msg_type: MSG_TYPE.event,
    source: `${device}/config`,
    dest: `event:device-report/${device}`,
    transaction_uuid: '12345678-1234-1234-1234-123456789012',
    content_type: 'application/json',
    payload: PAYLOAD,
    qos: 75,
  })
