/** An event as the POST that a receiver gets: which bytes and which headers. caduceus.md §4.2, §4.3. */
import type { Hook } from '#apps/caduceus/webhook.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { eventOf } from './matching/matcher.ts'
import { signatureHeaders, signingKeysOf, type SigningKeys } from './signature.ts'

/** What an event without a content type has, as upstream. */
const CONTENT_TYPE_DEFAULT = 'application/json'

/**
 * The room for header lines that an event can have any number of. Node's own servers refuse more
 * than 16 KiB of headers; half of it is for lists, the rest for the fixed ones.
 */
const LIST_HEADERS_BYTES_MAX = 8 * 1024

/** One header is cut at this length, for the same reason. */
const HEADER_LENGTH_MAX = 1024

/** What is the same in each POST of an event in one form, whoever gets it. */
export interface DeliveryForm {
  /** As it is signed. */
  readonly id: string
  /** Names and values in turn; a name may come again. */
  readonly headers: readonly string[]
  /** How many header lines found no room. */
  readonly leftOutCount: number
  readonly body: Uint8Array
}

/** What is sent. */
export interface DeliveryRequest {
  /** Names and values in turn, as undici takes them. */
  readonly headers: string[]
  readonly body: Uint8Array
}

const NOTHING = new Uint8Array()

/** @param isWhole asks for the whole WRP, and not for its payload alone. */
export function toDeliveryForm(
  event: WrpMessage,
  { eventId, isWhole }: { eventId: string; isWhole: boolean },
): DeliveryForm {
  const complete = {
    ...event,
    content_type: event.content_type || CONTENT_TYPE_DEFAULT,
    transaction_uuid: event.transaction_uuid || eventId,
  }
  // The id must not contain the dot that parts the signed string.
  const id = eventId.replaceAll('.', '-')
  const lists = listHeaders(complete)
  const lines: [name: string, value: string][] = [
    ['Content-Type', isWhole ? 'application/msgpack' : complete.content_type],
    ['User-Agent', 'caduceus'],
    ...eventHeaders(complete),
    ['webhook-id', id],
    ...lists.taken,
  ]
  return {
    id,
    headers: lines.flatMap(([name, value]) => [name, headerValue(value)]),
    leftOutCount: lists.leftOutCount,
    body: isWhole ? encode(complete) : (event.payload ?? NOTHING),
  }
}

/** Makes the request for one attempt; the signature has the time in it, so each is a new one. */
export function toDeliveryRequest(hook: Hook, form: DeliveryForm, nowMs: number): DeliveryRequest {
  const { id, body } = form
  const timestampSeconds = Math.floor(nowMs / 1_000)
  const headers = [...form.headers, 'webhook-timestamp', String(timestampSeconds)]
  const keys = keysOf(hook)
  if (keys) headers.push(...signatureHeaders(keys, { id, timestampSeconds, body }))
  return { headers, body }
}

/** Kept for as long as this version of the registration is. */
const keysOfHooks = new WeakMap<Hook, SigningKeys>()

function keysOf(hook: Hook): SigningKeys | undefined {
  const { secret } = hook.config
  if (!secret) return undefined
  const keys = keysOfHooks.get(hook) ?? signingKeysOf(secret)
  keysOfHooks.set(hook, keys)
  return keys
}

function eventHeaders(event: WrpMessage): [name: string, value: string][] {
  const device = deviceOf(event)
  const lines: [name: string, value: string | undefined][] = [
    ['X-Webpa-Event', eventOf(event)],
    ['X-Webpa-Transaction-Id', event.transaction_uuid ?? ''],
    ['X-Webpa-Device-Id', device],
    ['X-Webpa-Device-Name', device],
    ['X-Webpa-Source', event.source ?? ''],
    ['X-Webpa-Destination', event.dest ?? ''],
    ['X-Xmidt-Message-Type', 'SimpleEvent'],
    ['X-Xmidt-Source', event.source],
    ['X-Xmidt-Transaction-Uuid', event.transaction_uuid],
    ['X-Xmidt-Accept', event.accept],
    ['X-Xmidt-Path', event.path],
    ['X-Xmidt-Session-Id', event.session_id],
    ['X-Xmidt-Service-Name', event.service_name],
    ['X-Xmidt-Url', event.url],
    ['X-Xmidt-Status', event.status?.toString()],
    ['X-Xmidt-Request-Delivery-Response', event.rdr?.toString()],
    ['X-Xmidt-Include-Spans', event.include_spans?.toString()],
  ]
  return lines.filter(
    (line): line is [string, string] =>
      line[1] !== undefined && (line[1] !== '' || line[0].startsWith('X-Webpa-')),
  )
}

/** Empty where the source names no device: upstream's header is then there and empty. */
export function deviceOf({ source }: WrpMessage): string {
  try {
    return parseDeviceId(source ?? '')
  } catch {
    return ''
  }
}

function listHeaders(event: WrpMessage): {
  taken: [name: string, value: string][]
  leftOutCount: number
} {
  const wanted: [name: string, value: string][] = [
    ...(event.partner_ids ?? []).map((id): [string, string] => ['X-Xmidt-Partner-Id', id]),
    ...Object.entries(event.metadata ?? {}).map(([key, value]): [string, string] => [
      'X-Xmidt-Metadata',
      `${key}=${value}`,
    ]),
    ...(event.headers ?? []).map((text): [string, string] => ['X-Xmidt-Headers', text]),
    ...(event.spans ?? []).map((span): [string, string] => ['X-Xmidt-Span', span.join(',')]),
  ]
  let bytes = 0
  const taken = wanted.filter(([name, value]) => {
    bytes += name.length + 4 + Math.min(Buffer.byteLength(value), HEADER_LENGTH_MAX)
    return bytes <= LIST_HEADERS_BYTES_MAX
  })
  return { taken, leftOutCount: wanted.length - taken.length }
}

/** UTF-8 as header bytes; a line break would be a header of the device's choice, so it is a blank. */
function headerValue(text: string): string {
  return (
    Buffer.from(text, 'utf8')
      .toString('latin1')
      .slice(0, HEADER_LENGTH_MAX)
      // oxlint-disable-next-line no-control-regex -- control characters are what it replaces.
      .replaceAll(/[\u0000-\u001f\u007f]/g, ' ')
      .trim()
  )
}
