/** The headers of a request as Node has read them, to be looked up by name as in a `Headers`. */

/** What can be asked for a header; `Headers` is one. */
export interface HeaderLookup {
  /** Its value, null where there is none; several of one name are joined by `, `. */
  get(name: string): string | null
}

/** @param rawHeaders names and values in turn, as in Node's `IncomingMessage`. */
export function plainHeaders(rawHeaders: readonly string[]): HeaderLookup {
  const values = new Map<string, string>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = rawHeaders[index + 1] ?? ''
    const before = values.get(name)
    values.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return { get: (name) => values.get(name.toLowerCase()) ?? null }
}
