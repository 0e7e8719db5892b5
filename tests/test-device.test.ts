/** The simulated device of the tests answers from its first message on, as a genuine one does. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { decode, encode } from '#libs/wrp/codec.ts'
import { connectDevice } from '#tests/support/device.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'

it('a command that comes right behind the handshake is answered', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const answered: (string | undefined)[] = []
  server.on('connection', (socket: WebSocket) => {
    socket.on('message', (bytes: Buffer) => answered.push(decode(bytes).transaction_uuid))
    socket.send(encode({ msg_type: 3, source: 'dns:x', dest: 'y', transaction_uuid: 'first' }))
  })
  const { port } = server.address() as AddressInfo
  const device = await connectDevice({ url: `http://127.0.0.1:${port}`, deviceId: 'mac:1' })
  await eventually(() => expect(device.received).toHaveLength(1))
  answerRequests(device, 'here')
  await eventually(() => expect(answered).toEqual(['first']))
  await device.close()
  server.close()
})
