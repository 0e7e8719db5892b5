/** Devices that answer commands at once. A process of its own, with as little work as can be. */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { decode, encode } from '#libs/wrp/codec.ts'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What may be asked of this process: to connect all, then to leave. */
export interface DevicesOrder {
  url: string
  devices: { id: string; token: string }[]
  /** What is answered: the WRP answer to a WRP request, or the bare server's own bytes again. */
  answers: 'wrp' | 'echo'
}

/** What the device says of itself with each answer. */
const PAYLOAD = Buffer.from(
  JSON.stringify({
    statusCode: 200,
    parameters: [{ name: 'Device.DeviceInfo.ModelName', value: 'TG1682G', dataType: 0 }],
  }),
)

async function open({ url, devices, answers }: DevicesOrder): Promise<object> {
  await Promise.all(
    devices.map(async ({ id, token }) => {
      const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v2/device`, {
        perMessageDeflate: false,
        headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${token}` },
      })
      socket.on('message', (bytes: Buffer) =>
        socket.send(answers === 'echo' ? bytes : answer(bytes)),
      )
      await once(socket, 'open')
    }),
  )
  return {}
}

function answer(bytes: Buffer): Uint8Array {
  const { msg_type, transaction_uuid = '', source = '', dest = '' } = decode(bytes)
  return encode({
    msg_type,
    source: dest,
    dest: source,
    transaction_uuid,
    status: 200,
    content_type: 'application/json',
    payload: PAYLOAD,
  })
}

answerOrders(open)
