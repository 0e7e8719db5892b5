/**
 * Reads what a device says about itself in `X-Webpa-Convey`: base64 of a JSON object. Only known
 * fields with a plain value are taken, so that nothing of any depth or length goes further in.
 */
import { CONVEY_FIELDS, type Convey, type ConveyField } from '#apps/talaria/session/convey.ts'

/** A longer text is nothing that a device says about itself in earnest. */
const TEXT_LENGTH_MAX = 512

/** Of these fields thousands of devices say the same. */
const SHARED_FIELDS: ReadonlySet<ConveyField> = new Set([
  'hw-model',
  'hw-manufacturer',
  'hw-last-reboot-reason',
  'fw-name',
  'last-reconnect-reason',
  'webpa-last-reconnect-reason',
  'webpa-protocol',
  'webpa-interface-used',
  'webpa-interface-label',
])

/** Texts that are kept once for all devices; those beyond are kept by each device itself. */
const SHARED_MAX = 2_048

const shared = new Map<string, string>()

/** Never a cause for refusal: what cannot be read is as if it were not there. talaria.md §2.6. */
export function readConvey(encoded: string): Convey | undefined {
  const told = parse(encoded)
  if (!told) return undefined
  const convey: Partial<Record<string, string | number | boolean>> = {}
  for (const field of CONVEY_FIELDS) {
    const value = Object.hasOwn(told, field) ? told[field] : undefined
    if (typeof value === 'string') convey[field] = keptText(field, boundedText(value))
    else if (typeof value === 'boolean' || Number.isFinite(value)) {
      convey[field] = value as boolean | number
    }
  }
  return convey
}

/** The text, cut where it is too long; it can be written as UTF-8. */
export const boundedText = (text: string): string => text.slice(0, TEXT_LENGTH_MAX).toWellFormed()

/** The same text, and where it can be the same object for all who say it. */
function keptText(field: ConveyField, text: string): string {
  if (!SHARED_FIELDS.has(field)) return text
  const known = shared.get(text)
  if (known !== undefined) return known
  if (shared.size < SHARED_MAX) shared.set(text, text)
  return text
}

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
