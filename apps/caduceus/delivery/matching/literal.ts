/**
 * Patterns that are a text and nothing more, as most are: `online`, `^device-status/.*`, `^mac:.*`,
 * `online|offline`. They are tried by comparing texts, which takes a hundredth of the engine's time.
 */

/**
 * Characters that stand for themselves in RE2, or do behind a backslash. ASCII only: two engines
 * may differ on a lone surrogate.
 */
const LITERAL = /^(?:[A-Za-z0-9 _:/,;=@#%&~'"!<>-]|\\[.:/+*?()[\]{}|^$-])*/

/**
 * A `.*` at either end matches anything or nothing, so a text that may be anywhere does not need
 * it.
 */
const ANYTHING = '.*'

/** How such a pattern is tried; undefined for one that is more than texts. */
export function literalTestOf(source: string): ((text: string) => boolean) | undefined {
  const tests: ((text: string) => boolean)[] = []
  // An escaped bar does not separate alternatives; such a pattern is left to the engine.
  if (source.includes('\\|')) return undefined
  for (const alternative of source.split('|')) {
    const test = testOf(alternative)
    if (!test) return undefined
    tests.push(test)
  }
  const [first] = tests
  return tests.length === 1 ? first : (text) => tests.some((test) => test(text))
}

function testOf(source: string): ((text: string) => boolean) | undefined {
  const isFromStart = source.startsWith('^')
  const isOpen = !isFromStart && source.startsWith(ANYTHING)
  const rest = source.slice(isFromStart ? 1 : isOpen ? ANYTHING.length : 0)
  const [escaped = ''] = LITERAL.exec(rest) ?? []
  const literal = escaped.replaceAll('\\', '')
  const after = rest.slice(escaped.length)
  if (after === '' || after === ANYTHING) {
    return isFromStart ? (text) => text.startsWith(literal) : (text) => text.includes(literal)
  }
  if (after !== '$') return undefined
  return isFromStart ? (text) => text === literal : (text) => text.endsWith(literal)
}
