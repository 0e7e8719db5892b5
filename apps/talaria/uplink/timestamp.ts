/** The time of an event as text. */

let writtenAt = 0
let written = ''

/** Now, by ISO 8601. To write it takes 0.7 µs, and under load there are many events in a millisecond. */
export function timestamp(): string {
  const now = Date.now()
  if (now !== writtenAt) written = new Date(now).toISOString()
  writtenAt = now
  return written
}
