/** Patterns in which `*` stands for any run of characters, also none, and all else for itself. */

/** A longer pattern names nothing that there is. */
export const PATTERN_LENGTH_MAX = 256

/**
 * Whether `pattern` covers the whole of `text`. The time it takes is bounded by the product of both
 * lengths whatever they hold: the parts between the stars are looked for one after the other, and
 * nothing is ever tried again.
 */
export function covers(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === text
  if (text.length < first.length + last.length) return false
  if (!text.startsWith(first) || !text.endsWith(last)) return false
  const end = text.length - last.length
  let from = first.length
  for (const part of rest) {
    const found = text.indexOf(part, from)
    if (found === -1 || found + part.length > end) return false
    from = found + part.length
  }
  return true
}
