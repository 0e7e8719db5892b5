/**
 * The patterns of webhooks. They are strangers', so they run in linear time (RE2), and what they may
 * cost is counted before they run: a match cannot be broken off.
 */
import { RE2JS } from 're2js'
import { LOCATOR_LENGTH_MAX } from '#libs/wrp/locator.ts'
import { literalTestOf } from './literal.ts'

/** A pattern that can be tried. */
export interface Pattern {
  /** How many RE2 instructions it has: the measure of its memory, and of its time for each character. */
  readonly instructionCount: number
  /** It takes every text, so it need not be tried. */
  readonly takesAll: boolean
  test(text: string): boolean
}

/** What takes every text wherever the match may begin. */
const TAKES_ALL: ReadonlySet<string> = new Set(['.*', ''])

/**
 * Equal patterns are one program, as one program has some hundred bytes for each instruction. Those
 * that no webhook has any more go by themselves.
 */
const shared = new Map<string, WeakRef<Pattern>>()
const gone = new FinalizationRegistry<string>((source) => {
  if (!shared.get(source)?.deref()) shared.delete(source)
})

/** @throws re2js' error for a pattern that RE2 does not take. */
export function compilePattern(source: string): Pattern {
  const known = shared.get(source)?.deref()
  if (known) return known
  const program = RE2JS.compile(source)
  const pattern: Pattern = {
    instructionCount: program.programSize(),
    takesAll: TAKES_ALL.has(source),
    // Not its `test`, which keeps up to 8 MB of what it has seen for each pattern.
    test: literalTestOf(source) ?? rememberingOne((text) => program.matcher(text).find()),
  }
  shared.set(source, new WeakRef(pattern))
  gone.register(pattern, source)
  return pattern
}

/** Webhooks with the same pattern are asked about the same event one after the other. */
function rememberingOne(test: (text: string) => boolean): (text: string) => boolean {
  let last: string | undefined
  let isMatch = false
  return (text) => {
    // What somebody published by hand may be of any length, and would be kept for each pattern.
    if (text.length > LOCATOR_LENGTH_MAX) return test(text)
    if (text !== last) [last, isMatch] = [text, test(text)]
    return isMatch
  }
}

const QUANTIFIER = /^\{(\d{1,4})(?:(,)(\d{0,4}))?\}/
const CLASS = /^\[\^?\]?(?:\\.|\[:\^?[a-z]+:\]|[^\]\\])*\]/s
const ESCAPE = /^\\(?:[pP]\{[^}]*\}|[pP].|x\{[^}]*\}|.)/s
const GROUP = /^\((?:\?(?:P?<[^>]*>|[a-zA-Z-]*:))?/
/** What is no atom: a quantifier after it is one of the atom before. */
const NOTHING = /^(?:\(\?[a-zA-Z-]*\)|\\Q\\E)/

/**
 * At least as many instructions as the pattern has, without compiling it: forty characters can ask
 * for programs that take seconds to make. It is of no use for what RE2 does not take.
 */
export function instructionCountAtMost(source: string): number {
  const open: number[] = []
  // Of the group that is read: all of it, and its last atom, which a quantifier may follow.
  let [sum, last] = [0, 0]
  const add = (count: number): void => void ([sum, last] = [sum + count, count])
  const multiply = (count: number): void => void ([sum, last] = [sum - last + count, count])
  for (let at = 0; at < source.length;) {
    const rest = source.slice(at, at + 1_024)
    const quantifier = QUANTIFIER.exec(rest)
    const nothing = NOTHING.exec(rest)
    let length = 1
    if (nothing) length = nothing[0].length
    else if (rest.startsWith('\\Q')) {
      const end = source.indexOf('\\E', at)
      length = (end < 0 ? source.length : end + 2) - at
      add(length)
    } else if (quantifier) {
      length = quantifier[0].length
      multiply(repeated(last, quantifier))
    } else if ('*+?'.includes(rest.charAt(0))) multiply(last + 2)
    else if (rest.startsWith('(')) {
      length = GROUP.exec(rest)?.[0].length ?? 1
      open.push(sum)
      ;[sum, last] = [0, 0]
    } else if (rest.startsWith(')')) {
      const inner = sum + 3
      sum = open.pop() ?? 0
      add(inner)
    } else if (rest.startsWith('|')) add(2)
    else {
      length = (ESCAPE.exec(rest) ?? CLASS.exec(rest))?.[0].length ?? 1
      add(1)
    }
    at += length
  }
  return open.reduce((one, other) => one + other, sum) + 3
}

function repeated(count: number, [, least, comma, most]: RegExpExecArray): number {
  const from = Number(least)
  const to = most ? Number(most) : from
  const optionalCount = comma === undefined ? 0 : Math.max(1, to - from)
  return count * Math.max(from, to, 1) + optionalCount + 2
}
