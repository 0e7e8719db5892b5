/** One clock for all records: milliseconds since 1970 that never run backwards within a process. */

/** Now, with fractions of a millisecond. */
export const nowMs = (): number => performance.timeOrigin + performance.now()
