/** Registering a webhook as its owner does it: through Caduceus' API. */
import { createHmac, timingSafeEqual } from 'node:crypto'
import { basicOf } from './caller.ts'
import type { ReceivedRequest } from './receiver.ts'
import { CALLER_CREDENTIAL } from './stack.ts'

/** What a test's webhooks sign with. */
const WEBHOOK_SECRET = 'a secret of the receiver'

/** A registration that is accepted; each part may be replaced. */
export const registrationOf = (
  url: string,
  events: string[] = ['.*'],
): Record<string, unknown> & { config: Record<string, unknown> } => ({
  config: { url, content_type: 'application/msgpack', secret: WEBHOOK_SECRET },
  events,
  matcher: { device_id: ['.*'] },
  duration: '1h',
})

/** Posts a registration and resolves with what Caduceus says. */
export function postRegistration(
  caduceusUrl: string,
  registration: unknown,
  authorization: string = basicOf(CALLER_CREDENTIAL),
): Promise<Response> {
  return fetch(`${caduceusUrl}/hook`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(authorization !== '' && { authorization }),
    },
    body: typeof registration === 'string' ? registration : JSON.stringify(registration),
  })
}

/** Registers a receiver for everything. @throws when Caduceus refuses it. */
export async function register(caduceusUrl: string, url: string): Promise<void> {
  const response = await postRegistration(caduceusUrl, registrationOf(url))
  if (!response.ok) throw new Error(`not registered: ${response.status} ${await response.text()}`)
}

/** Whether a delivery is signed with the receiver's secret, as a receiver checks it. */
export function isSigned({ headers, body }: ReceivedRequest): boolean {
  const expected = Buffer.from(
    `sha1=${createHmac('sha1', WEBHOOK_SECRET).update(body).digest('hex')}`,
  )
  const given = Buffer.from(String(headers['x-webpa-signature'] ?? ''))
  return given.length === expected.length && timingSafeEqual(given, expected)
}
