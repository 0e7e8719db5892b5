/**
 * How many small things one message may hold. Each costs an object's time and memory although it is
 * a byte or two on the wire, so that a limit on bytes alone lets one device fill a process' time.
 */
import { WrpError } from './error.ts'
import type { WrpMessage } from './message.ts'

/**
 * Texts in `headers`, `metadata` (an entry is one), `spans` (three each) and `partner_ids` together.
 * Genuine messages have some tens.
 */
export const ENTRIES_MAX = 512

/** Pairs of a message's own map; the specification has 19 fields, and unknown ones are passed over. */
export const PAIRS_MAX = 256

/**
 * Values inside the unknown fields of a message. They are passed over, but one by one: a megabyte of
 * them, each a byte, takes a tenth of a second and more.
 */
export const PASSED_OVER_MAX = 32_768

/** Counts what one message holds, whatever is told again and replaced: it was read all the same. */
export class EntryCount {
  #count = 0

  /** @throws {WrpError} TOO_MANY_ENTRIES when with these the message has more than it may. */
  add(count: number): void {
    this.#count += count
    if (this.#count > ENTRIES_MAX) {
      throw new WrpError(
        'TOO_MANY_ENTRIES',
        `headers, metadata, spans and partner_ids have over ${ENTRIES_MAX} entries`,
        { rdr: 4 },
      )
    }
  }
}

/** Counts those of a message that was made. @throws {WrpError} TOO_MANY_ENTRIES. */
export function countEntries({
  headers,
  metadata,
  spans,
  partner_ids: partners,
}: WrpMessage): void {
  const entries = new EntryCount()
  entries.add((headers?.length ?? 0) + (partners?.length ?? 0))
  entries.add(metadata ? Object.keys(metadata).length : 0)
  for (const span of spans ?? []) entries.add(Math.max(1, span.length))
}
