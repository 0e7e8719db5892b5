/**
 * Reads what a device says about itself in `X-Webpa-Convey`: base64 of a JSON object. Only known
 * fields with a plain value are taken, so that nothing of any depth or length goes further in.
 */
import { CONVEY_FIELDS, type Convey } from '#apps/talaria/session/convey.ts'

/** A longer text is nothing that a device says about itself in earnest. */
const TEXT_LENGTH_MAX = 512

/** Never a cause for refusal: what cannot be read is as if it were not there. talaria.md §2.6. */
export function readConvey(encoded: string): Convey | undefined {
  const told = parse(encoded)
  if (!told) return undefined
  const convey: Partial<Record<string, string | number | boolean>> = {}
  for (const field of CONVEY_FIELDS) {
    const value = Object.hasOwn(told, field) ? told[field] : undefined
    if (typeof value === 'string') convey[field] = boundedText(value)
    else if (typeof value === 'boolean' || Number.isFinite(value)) {
      convey[field] = value as boolean | number
    }
  }
  return convey
}

/** The text, cut where it is too long; it can be written as UTF-8. */
export const boundedText = (text: string): string => text.slice(0, TEXT_LENGTH_MAX).toWellFormed()

function parse(encoded: string): Record<string, unknown> | undefined {
  if (encoded === '') return undefined
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8'))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
