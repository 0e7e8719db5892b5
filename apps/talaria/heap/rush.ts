/**
 * When events come at a high rate and go on doing so: a rush. A fleet that comes back is none,
 * although each of its devices may send some: its devices stay, and it is their memory that counts.
 */

/** From so many events a second on, collecting garbage in a small space takes a tenth of a core. */
const EVENTS_PER_SECOND_MIN = 3_000

/** Fewer events for each connect than this are those of devices that come back. */
const EVENTS_PER_CONNECT_MIN = 20

/** So many looks in a row begin a rush, or end it. */
const LOOKS = 3

/** What happened since the look before. */
export interface Happened {
  seconds: number
  events: number
  connects: number
}

/** Whether there is a rush. */
export interface Rush {
  /** Takes a look, about one a second, into account and says whether there is a rush now. */
  look(happened: Happened): boolean
}

/** There is none at the beginning. */
export function createRush(): Rush {
  let isOn = false
  let looksAgainst = 0
  return {
    look({ seconds, events, connects }) {
      const isHigh =
        events >= EVENTS_PER_SECOND_MIN * seconds && events >= EVENTS_PER_CONNECT_MIN * connects
      looksAgainst = isHigh === isOn ? 0 : looksAgainst + 1
      if (looksAgainst < LOOKS) return isOn
      looksAgainst = 0
      isOn = isHigh
      return isOn
    },
  }
}
