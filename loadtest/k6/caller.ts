/** Commands through Scytale, and the devices of this process that answer them. */
import { b64encode } from 'k6/encoding'
import http from 'k6/http'
import { deviceIdOf, missingDeviceId, type Device } from './device.ts'
import { commandAnswered, commandDuration, missingDuration, missingRefused } from './measures.ts'
import {
  callerCredential,
  countOf,
  DEVICES,
  PAYLOAD_BYTES,
  SCYTALE,
  seconds,
  TIMEOUT_SECONDS,
} from './settings.ts'
import { bytesOf, decode, encode, REQUEST, textOfBytes } from './wrp.ts'

/** Every so many-th command goes to a device that nobody holds; 0: none does. */
const MISSING_EVERY = countOf('MISSING_EVERY', 20)

/** The local service that the devices pretend to have. */
const SERVICE = 'load'

/** The value of the Authorization header of whoever calls. */
export const CALLER_AUTHORIZATION = `Basic ${b64encode(callerCredential())}`

/** Answers every request to the device with what the request carried. */
export function answerCommands(device: Device): void {
  device.listen((message) => {
    if (message.msg_type !== REQUEST) return
    device.send({ ...message, source: message.dest, dest: message.source })
  })
}

/** One call: to any of the devices, or now and then to one that is not there. */
export async function call(): Promise<void> {
  const isMissing = MISSING_EVERY > 0 && Math.random() * MISSING_EVERY < 1
  if (isMissing) return callMissing()
  const transaction = Math.random().toString(36).slice(2)
  const payload = transaction.padEnd(PAYLOAD_BYTES, '.')
  const id = deviceIdOf(Math.floor(Math.random() * DEVICES))
  const { status, body, error, timings } = await post(id, transaction, payload, 200)
  const answer = status === 200 ? decode(new Uint8Array(body)) : undefined
  const isRight =
    answer?.transaction_uuid === transaction && textOfBytes(answer.payload) === payload
  commandAnswered.add(isRight)
  if (isRight) commandDuration.add(timings.duration)
  else console.error(`${id} did not answer: ${status} ${error}`)
}

/** The 404 is definite, so it is to come at once and never as anything else. */
async function callMissing(): Promise<void> {
  const { status, timings } = await post(missingDeviceId(), 'missing', '', 404)
  missingRefused.add(status === 404)
  missingDuration.add(timings.duration)
}

const post = (id: string, transaction: string, payload: string, expected: number) =>
  http.asyncRequest(
    'POST',
    `${SCYTALE}/api/v3/device`,
    encode({
      msg_type: REQUEST,
      source: 'dns:load.example',
      dest: `${id}/${SERVICE}`,
      transaction_uuid: transaction,
      content_type: 'text/plain',
      payload: bytesOf(payload),
    }).buffer as ArrayBuffer,
    {
      headers: {
        Authorization: CALLER_AUTHORIZATION,
        'Content-Type': 'application/msgpack',
        Accept: 'application/msgpack',
      },
      responseCallback: http.expectedStatuses(expected),
      responseType: 'binary',
      tags: { name: 'scytale /api/v3/device' },
      timeout: seconds(TIMEOUT_SECONDS),
    },
  )
