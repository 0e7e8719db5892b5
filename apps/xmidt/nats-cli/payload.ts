/**
 * A payload as a person reads it: JSON and msgpack as what they hold, else text, else base64. The
 * bytes are a device's or a caller's, so nothing in them is trusted to be what it says it is.
 */

/** How a payload is shown: under a name of its own where the bytes could not be read. */
export type ShownPayload = { payload: unknown } | { payload_base64: string }

/** Characters that a text does not hold, save the blanks: such bytes are something else. */
const NO_TEXT = /[\u0000-\u0008\u000b\u000c\u000e-\u001a\u001c-\u001f]/

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Reads `bytes`; `contentType` decides only where they could be several things. Never throws. */
export async function showPayload(
  bytes: Uint8Array,
  contentType: string | undefined,
): Promise<ShownPayload> {
  const isCalledMsgpack = /\bmsgpack\b/i.test(contentType ?? '')
  const called = isCalledMsgpack ? await readMsgpack(bytes) : undefined
  if (called !== undefined) return { payload: called }
  const text = readText(bytes)
  if (text !== undefined) {
    return { payload: readJson(text, /\bjson\b/i.test(contentType ?? '')) ?? text }
  }
  const found = isCalledMsgpack ? undefined : await readMsgpack(bytes)
  return found === undefined ? { payload_base64: base64Of(bytes) } : { payload: found }
}

/** Bytes as they are when nothing else fits. */
export const base64Of = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

function readText(bytes: Uint8Array): string | undefined {
  try {
    const text = utf8.decode(bytes)
    return NO_TEXT.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** A lone number or word is a text too, so it is JSON only where it is called so. */
function readJson(text: string, isCalledJson: boolean): unknown {
  if (!isCalledJson && !/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) => {
      const source = context?.source
      const isRounded =
        typeof value === 'number' && source !== undefined && String(value) !== source
      return isRounded ? rawJson(source) : value
    })
  } catch {
    return undefined
  }
}

/** Only a map or a list: nearly every byte would be msgpack for something. */
async function readMsgpack(bytes: Uint8Array): Promise<unknown> {
  const first = bytes[0] ?? 0
  const isMapOrList = (first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf)
  if (!isMapOrList) return undefined
  // Few payloads are msgpack, and loading its reader takes longer than all else together.
  const { Unpackr } = await import('msgpackr')
  try {
    // A copy: of a Buffer it would make Buffers, whose JSON is a list of numbers.
    return new Unpackr({ useRecords: false, int64AsType: 'bigint' }).unpack(new Uint8Array(bytes))
  } catch {
    return undefined
  }
}

/** JSON.stringify writes it as its digits stand, where JavaScript's number would round. */
export const rawJson = (digits: string): unknown =>
  (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits)
