/** A caller of Scytale, as tr1d1um or a script is one: plain HTTP, JSON both ways. */
import { randomUUID } from 'node:crypto'
import { fromJson, toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** What came back, and after how long. */
interface Answer {
  status: number
  /** The device's message; undefined for an error or an empty answer. */
  message: WrpMessage | undefined
  /** The payload of the device's message as text, or the text of an error. */
  text: string
  tookMs: number
}

/** One caller. */
export interface Caller {
  /** Asks `service` of `device`, and waits for the answer. */
  ask(device: string, service: string, payload?: unknown): Promise<Answer>
  /** Sends any message. */
  send(message: WrpMessage): Promise<Answer>
  /** The statistics of a device. */
  stat(device: string): Promise<{ status: number; text: string }>
}

/** The value of an `Authorization` header for `user:password`. */
export const basicOf = (credential: string): string =>
  `Basic ${Buffer.from(credential).toString('base64')}`

/** A caller of the Scytale at `scytaleUrl` that shows `authorization`. */
export function createCaller(scytaleUrl: string, authorization: string): Caller {
  const send = async (message: WrpMessage): Promise<Answer> => {
    const started = performance.now()
    const response = await fetch(`${scytaleUrl}/api/v3/device`, {
      method: 'POST',
      headers: {
        authorization,
        'content-type': 'application/json',
        accept: 'application/json',
      },
      body: toJson(message),
    })
    const body = await response.text()
    const tookMs = performance.now() - started
    const found = response.ok && body !== '' ? fromJson(body) : undefined
    const text = found ? new TextDecoder().decode(found.payload ?? new Uint8Array()) : body
    return { status: response.status, message: found, text, tookMs }
  }
  return {
    send,
    ask: (device, service, payload = { command: 'GET', names: ['Device.DeviceInfo.'] }) =>
      send({
        msg_type: 3,
        source: 'dns:caller.example',
        dest: `${device}/${service}`,
        transaction_uuid: randomUUID(),
        content_type: 'application/json',
        payload: new TextEncoder().encode(JSON.stringify(payload)),
      }),
    async stat(device) {
      const response = await fetch(`${scytaleUrl}/api/v3/device/${device}/stat`, {
        headers: { authorization },
      })
      return { status: response.status, text: await response.text() }
    },
  }
}
