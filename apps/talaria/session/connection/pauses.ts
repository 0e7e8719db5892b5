/** Why a device is not read from: several reasons at once, as the bits of one number. */

const BITS = {
  /** Its session is not entered yet. */
  entry: 1,
  /** Its events await their storing. */
  window: 2,
  /** It used more than its allowance. */
  allowance: 4,
  /** Nothing more of it is wanted. */
  over: 8,
} as const

/** One of them. */
export type PauseReason = keyof typeof BITS

/** None. */
export const NO_PAUSE = 0

/** `pauses` with the reason or without it. */
export const withPause = (pauses: number, reason: PauseReason, isPaused: boolean): number =>
  isPaused ? pauses | BITS[reason] : pauses & ~BITS[reason]
