/** Which of WRP's two body formats a request is in and which one its caller wants back. */

/** The formats of a body. */
export type WrpFormat = 'json' | 'msgpack'

/**
 * How an answer can be written: as a body format, or as `headers`, where the body is the device's
 * payload as it is; upstream has no such answer, and it is what a person with curl wants to see.
 */
export type AnswerFormat = WrpFormat | 'headers'

/** What asks for the answer as headers. */
const HEADERS_MEDIA_TYPE = 'application/octet-stream'

/** The media type of each format. */
export const MEDIA_TYPES: Readonly<Record<WrpFormat, string>> = {
  json: 'application/json',
  msgpack: 'application/msgpack',
}

/** More alternatives than any client sends; the rest is not looked at. */
const ALTERNATIVES_MAX = 32

/** The format that a `Content-Type` names, whatever its parameters; undefined for any other type. */
export function formatOfContentType(value: string | undefined): WrpFormat | undefined {
  return formatOfMediaType(mediaType(value ?? ''))
}

/**
 * The format that an `Accept` prefers: the highest `q` wins, the first among equals. `own`, the
 * request's own, is meant by a wildcard; msgpack is the default of WRP over HTTP (wrp.md §3).
 * Undefined when the header takes neither.
 */
export function formatOfAccept(
  value: string | undefined,
  own: WrpFormat,
): AnswerFormat | undefined {
  if (!value?.trim()) return 'msgpack'
  let best: AnswerFormat | undefined
  let bestQuality = 0
  for (const alternative of value.split(',', ALTERNATIVES_MAX)) {
    const type = mediaType(alternative)
    const isWildcard = type === '*/*' || type === 'application/*'
    const format = isWildcard ? own : answerFormatOf(type)
    const quality = qualityOf(alternative)
    if (format && quality > bestQuality) {
      best = format
      bestQuality = quality
    }
  }
  return best
}

const answerFormatOf = (type: string): AnswerFormat | undefined =>
  type === HEADERS_MEDIA_TYPE ? 'headers' : formatOfMediaType(type)

const mediaType = (value: string): string => (value.split(';', 1)[0] ?? '').trim().toLowerCase()

function formatOfMediaType(type: string): WrpFormat | undefined {
  if (type === MEDIA_TYPES.json) return 'json'
  return type === MEDIA_TYPES.msgpack ? 'msgpack' : undefined
}

/** RFC 9110 12.4.2: 1 when absent, 0 for "not acceptable" and for what cannot be read. */
function qualityOf(alternative: string): number {
  const [, text] = alternative.match(/;\s*q\s*=\s*([^;\s]*)/i) ?? []
  if (text === undefined) return 1
  const quality = Number(text)
  return quality >= 0 && quality <= 1 ? quality : 0
}
