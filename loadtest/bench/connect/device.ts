/**
 * A silent device, as light as it can be: a socket, the upgrade request, and a pong for each ping. A
 * websocket client would take as much of the machine as the server that is measured.
 */
import { connect, type Socket } from 'node:net'

/** What a device connects with. */
export interface DeviceOptions {
  host: string
  port: number
  /** From which address of this machine; any when it is absent. */
  localAddress?: string | undefined
  deviceId: string
  token: string
}

/** RFC 6455 5.2: the whole of a control frame that a server sends has two bytes before its payload. */
const PING = 0x89

/** Resolves with the socket of a device that was let in, with undefined when it was not. */
export function openDevice(options: DeviceOptions): Promise<Socket | undefined> {
  const { host, port, localAddress } = options
  const socket = connect({ host, port, ...(localAddress !== undefined && { localAddress }) })
  socket.write(requestOf(options))
  return new Promise((resolve) => {
    let isIn = false
    socket.on('data', (data: Buffer) => {
      if (isIn) return answerPings(socket, data)
      // One write of the server's, so it comes as one.
      isIn = data.toString('latin1', 0, 12) === 'HTTP/1.1 101'
      if (isIn) resolve(socket)
      else socket.destroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(undefined))
  })
}

/** Of small frames, which always come whole over loopback. */
function answerPings(socket: Socket, data: Buffer): void {
  for (let at = 0; at + 1 < data.length; at += 2 + (data[at + 1] ?? 0)) {
    if (data[at] !== PING) continue
    const payload = data.subarray(at + 2, at + 2 + (data[at + 1] ?? 0))
    // Masked, as a client must, by zero, which changes nothing.
    const head = Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0])
    socket.write(Buffer.concat([head, payload]))
  }
}

const requestOf = ({ host, port, deviceId, token }: DeviceOptions): string =>
  [
    'GET /api/v2/device HTTP/1.1',
    `Host: ${host}:${port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
    `X-Webpa-Device-Name: ${deviceId}`,
    `X-Webpa-Convey: ${CONVEY}`,
    `Authorization: Bearer ${token}`,
    '\r\n',
  ].join('\r\n')

/** What a device of the field tells of itself. */
const CONVEY = Buffer.from(
  JSON.stringify({
    'hw-model': 'TG1682',
    'hw-serial-number': '123456789',
    'hw-manufacturer': 'ARRIS',
    'hw-last-reboot-reason': 'unknown',
    'fw-name': 'TG1682_3.5s17_VBN',
    'boot-time': 1_700_000_000,
    'webpa-protocol': 'PARODUS-2.0-1.1.5',
    'webpa-interface-used': 'erouter0',
    'webpa-last-reconnect-reason': 'webpa_process_starts',
  }),
).toString('base64')
