/**
 * How many small things one message may hold. Each costs an object's time and memory although it is
 * a byte or two on the wire, so that a limit on bytes alone lets one device fill a process' time.
 */
import { WrpError } from './error.ts'

/**
 * Texts in `headers`, `metadata` (an entry is one), `spans` (three each) and `partner_ids` together.
 * Genuine messages have some tens.
 */
export const ENTRIES_MAX = 512

/** Pairs of a message's own map; the specification has 19 fields, and unknown ones are passed over. */
export const PAIRS_MAX = 256

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
