/**
 * One token of a subject: what comes from outside is escaped, so that it is one token whatever is in
 * it, and can be told again from it. Which tokens a subject has is said in subjects.ts alone.
 */

/**
 * The longest token. Three of them and the fixed words stay far below the server's limit of
 * 4,096 bytes for a control line, and a consumer's name below its 255.
 */
const TOKEN_LENGTH_MAX = 200

/** A text cannot be a token, or a subject is none of ours. */
export class SubjectError extends Error {
  override readonly name = 'SubjectError'
  readonly code: 'TOKEN_EMPTY' | 'TOKEN_TOO_LONG' | 'TOKEN_MALFORMED' | 'SUBJECT_UNKNOWN'

  constructor(code: SubjectError['code'], message: string) {
    super(message)
    this.code = code
  }
}

/** The token as it is. @throws {SubjectError} TOKEN_TOO_LONG. */
export function bounded(token: string): string {
  if (token.length <= TOKEN_LENGTH_MAX) return token
  throw new SubjectError(
    'TOKEN_TOO_LONG',
    `a token of ${token.length} characters is over ${TOKEN_LENGTH_MAX}`,
  )
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Every character outside `[A-Za-z0-9-]` as `=HH` for each of its UTF-8 bytes. */
export function escapeToken(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9-]+/gu, (run) => {
    let escaped = ''
    for (const byte of encoder.encode(run)) {
      escaped += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
    }
    return escaped
  })
}

/** What {@link escapeToken} made the token of. @throws {SubjectError} TOKEN_MALFORMED. */
export function unescapeToken(token: string): string {
  if (!/^(?:[A-Za-z0-9-]|=[0-9A-F]{2})+$/.test(token)) throw malformed(token)
  if (!token.includes('=')) return token
  try {
    return token.replaceAll(/(?:=[0-9A-F]{2})+/g, (run) =>
      decoder.decode(Uint8Array.from(run.slice(1).split('='), (hex) => Number.parseInt(hex, 16))),
    )
  } catch {
    throw malformed(token)
  }
}

/** The text cannot have come from {@link escapeToken}. */
export const malformed = (token: string): SubjectError =>
  new SubjectError('TOKEN_MALFORMED', `"${token}" is no escaped token`)
