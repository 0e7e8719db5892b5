/** `key=value` lists, as OpenTelemetry's variables have them: W3C Baggage without properties. */

/** The pairs of `text`; what has no key or no `=` is left out, as OpenTelemetry asks for. */
export function parsePairs(text: string): Record<string, string> {
  const pairs = text.split(',').flatMap((member): [string, string][] => {
    const at = member.indexOf('=')
    const key = decode(member.slice(0, Math.max(0, at)).trim())
    return key === '' ? [] : [[key, decode(member.slice(at + 1).trim())]]
  })
  return Object.fromEntries(pairs)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
