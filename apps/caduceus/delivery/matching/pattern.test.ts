import fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, it } from 'vitest'
import { HOOK, ONLINE_EVENT, WEBHOOK } from '#tests/support/hook.ts'
import { literalTestOf } from './literal.ts'
import { createMatcher } from './matcher.ts'
import { compilePattern, instructionCountAtMost } from './pattern.ts'

describe('what a pattern costs', () => {
  const matcherOf = (events: string[]): ReturnType<typeof createMatcher> =>
    createMatcher({ ...WEBHOOK, hook: { ...HOOK, events } })

  it('is bounded: an event that would cost more is passed by before anything runs', () => {
    // As registered before there was a limit: minutes on a source of 250 kB.
    const costly = matcherOf(['(.?){999}x$'])
    const source = `mac:112233445566/${'a'.repeat(250_000)}`
    const device = { ...HOOK, matcher: { device_id: ['(.?){999}x$'] } }
    expect(createMatcher({ ...WEBHOOK, hook: device })({ ...ONLINE_EVENT, source })).toBe('overrun')
    expect(costly({ ...ONLINE_EVENT, dest: `event:x/${'a'.repeat(250_000)}` })).toBe('overrun')
    expect(costly({ ...ONLINE_EVENT, dest: 'event:x' })).toBe('matched')
    expect(matcherOf(['.*'])({ ...ONLINE_EVENT, source })).toBe('matched')
  })

  it('is never judged too high where the webhook and the event are as large as they may be', () => {
    const dest = `event:x/${'a'.repeat(504)}`
    const source = `mac:112233445566/${'b'.repeat(495)}`
    const half = '(?:[^c]?){120}y'
    const device = { ...HOOK, events: [half, '.'], matcher: { device_id: [half] } }
    expect(createMatcher({ ...WEBHOOK, hook: device })({ ...ONLINE_EVENT, source, dest })).toBe(
      'device',
    )
  })

  it('is in memory shared between equal patterns', () => {
    expect(compilePattern('^shared/(a|b)')).toBe(compilePattern('^shared/(a|b)'))
    expect(compilePattern('^shared/(a|b)')).not.toBe(compilePattern('^shared/(a|c)'))
  })

  it('is bounded before it is compiled, never by too little', () => {
    const atom = fc.constantFrom(
      'a',
      '.',
      '[a-z]',
      '[^]x]',
      '[[:alpha:]]',
      '\\d',
      '\\pL',
      '\\p{Greek}',
      '\\x{61}',
      '^',
      '$',
      '\\b',
      '(?i)',
      '\\Qa+\\E',
      '{',
      '',
    )
    const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
      pattern: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        atom,
        fc.array(tie('pattern'), { maxLength: 4 }).map((parts) => parts.join('')),
        fc.array(tie('pattern'), { maxLength: 3 }).map((parts) => parts.join('|')),
        fc
          .tuple(fc.constantFrom('(', '(?:', '(?P<n>', '(?i:'), tie('pattern'))
          .map(([open, inner]) => `${open}${inner})`),
        fc
          .tuple(
            tie('pattern'),
            fc.constantFrom('*', '+', '?', '*?', '{3}', '{2,5}', '{0}', '{4,}', '{,3}'),
          )
          .map(([inner, quantifier]) => `(?:${inner})${quantifier}`),
        fc
          .tuple(atom, fc.constantFrom('*', '+', '??', '{7}', '{0,9}'))
          .map((parts) => parts.join('')),
      ),
    }))
    fc.assert(
      fc.property(pattern, (source) => {
        let count: number
        try {
          count = compilePattern(source).instructionCount
        } catch {
          return
        }
        expect(instructionCountAtMost(source)).toBeGreaterThanOrEqual(count)
      }),
      { numRuns: 5_000 },
    )
    expect(instructionCountAtMost('a{0,9}(?i){7}')).toBeGreaterThanOrEqual(128)
    expect(instructionCountAtMost('(.?){999}'.repeat(100))).toBeGreaterThan(399_000)
    // And not by far too much for what people write.
    for (const source of [
      '^device-status/mac:(112233|445566)[0-9a-f]{6}/(on|off)line$',
      '.*',
      '^x',
    ]) {
      const count = compilePattern(source).instructionCount
      expect(instructionCountAtMost(source)).toBeLessThanOrEqual(2 * count)
    }
  })
})

describe('a pattern that is a text', () => {
  it('is known as one, and anything more is not', () => {
    const known = ['online', '^device-status/.*', '.*online$', '^mac:.*', 'a|^b$', '', '^', 'a\\.b']
    const others = ['a.b', 'on(line)?', 'a*', '[ab]', '^a.*$', 'a\\|b', '\\d', '(?i)a', 'ä', '^^a']
    expect(known.filter((each) => !literalTestOf(each))).toEqual([])
    expect(others.filter((each) => literalTestOf(each))).toEqual([])
  })

  it('takes and leaves what the engine takes and leaves', () => {
    const piece = fc.constantFrom(
      'a',
      'b',
      '/',
      ':',
      '-',
      '\\.',
      '\\-',
      '.*',
      '^',
      '$',
      '|',
      '*',
      '?',
      '.',
    )
    const source = fc.array(piece, { maxLength: 7 }).map((pieces) => pieces.join(''))
    const part = fc.constantFrom(
      'a',
      'b',
      '/',
      ':',
      '-',
      '.',
      '\n',
      '\r\n',
      '\u2028',
      'ä',
      '\u{1F600}',
      '\ud83d',
    )
    const text = fc.array(part, { maxLength: 7 }).map((parts) => parts.join(''))
    let count = 0
    fc.assert(
      fc.property(source, text, (source, text) => {
        const test = literalTestOf(source)
        if (!test) return
        let engine: RE2JS
        try {
          engine = RE2JS.compile(source)
        } catch {
          return
        }
        count += 1
        expect(test(text)).toBe(engine.matcher(text).find())
      }),
      { numRuns: 20_000 },
    )
    expect(count).toBeGreaterThan(1_000)
  })
})
