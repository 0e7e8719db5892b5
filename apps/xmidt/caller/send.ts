/** `xmidt send`: one request to a device through Scytale, as any caller makes it. */
import { randomUUID } from 'node:crypto'
import { basicAuthorization, readAccess } from '#apps/xmidt/access.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { escapeUnseenInLines } from '#libs/log/unseen.ts'
import { fromJson } from '#libs/wrp/json.ts'

/** What `send` was told. */
export interface SendOptions {
  device: string
  service: string
  payload: string
  /** Seconds to wait. */
  timeout: number
  directory: string
}

/** Prints the device's answer; resolves with the exit code: 0 only for an answer. @throws {UserError} */
export async function send(options: SendOptions): Promise<number> {
  const access = readAccess(options.directory)
  const url = `${access.scytaleUrl}/api/v3/device`
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: basicAuthorization(access.caller),
      accept: 'application/json',
      'content-type': 'application/json',
      'x-xmidt-message-type': 'SimpleRequestResponse',
      'x-webpa-device-name': `${options.device}/${options.service}`,
      'x-xmidt-source': 'dns:xmidt-send',
      'x-xmidt-transaction-uuid': randomUUID(),
    },
    body: options.payload,
    signal: AbortSignal.timeout(options.timeout * 1_000),
  }).catch((error: unknown) => {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    throw new UserError(
      isTimeout
        ? `no answer within ${options.timeout} s`
        : `Scytale at ${access.scytaleUrl} does not answer: is the fabric running?`,
      { cause: error },
    )
  })
  const body = await response.text()
  if (!response.ok) {
    process.stderr.write(`xmidt: ${response.status} ${escapeUnseenInLines(messageOf(body))}\n`)
    return 1
  }
  const payload = body === '' ? undefined : fromJson(body).payload
  const answer = payload ? new TextDecoder().decode(payload) : ''
  // A program gets it as the device sent it, a terminal without orders.
  process.stdout.write(`${process.stdout.isTTY ? escapeUnseenInLines(answer) : answer}\n`)
  return 0
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message?: string }).message ?? body
  } catch {
    return body
  }
}
