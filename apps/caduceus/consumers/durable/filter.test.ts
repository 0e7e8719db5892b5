import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventOf } from '#apps/caduceus/delivery/matching/matcher.ts'
import { compilePattern } from '#apps/caduceus/delivery/matching/pattern.ts'
import { eventSubject } from '#libs/nats/subjects.ts'
import { eventTypeOf } from '#libs/wrp/locator.ts'
import { filterSubjectOf } from './filter.ts'

describe('the filter of a webhook', () => {
  it('is one subject only where nothing is lost by it', () => {
    const filter = 'xmidt.event.*.online.>'
    const cases: [string[], string | undefined][] = [
      [['^online/'], filter],
      [['^online/.*', '^online$'], filter],
      [['^online/', '^offline/'], undefined],
      [['^online'], undefined],
      [['online/'], undefined],
      [['^online/?'], undefined],
      [['^online/*x'], undefined],
      [['^online/{0,2}'], undefined],
      [['^online/|x'], undefined],
      [['.*'], undefined],
    ]
    for (const [patterns, expected] of cases) expect(filterSubjectOf(patterns)).toBe(expected)
  })

  it('leaves out no event that a pattern matches', () => {
    const piece = fc.constantFrom(
      '^',
      '$',
      '/',
      'a',
      'b',
      '-',
      '.*',
      '|',
      '(',
      ')',
      '?',
      '*',
      '{0}',
    )
    const patterns = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
    const dests = fc.array(fc.constantFrom('a', 'b', '-', '/', 'A'), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        fc.constantFrom('', '^a', '^a/', '^b-'),
        patterns,
        dests,
        (start, rest, parts) => {
          const [pattern, dest] = [`${start}${rest}`, `event:${parts.join('')}`]
          const filter = filterSubjectOf([pattern])
          const type = eventTypeOf(dest)
          if (filter === undefined || type === undefined) return
          let isMatched: boolean
          try {
            isMatched = compilePattern(pattern).test(eventOf({ msg_type: 4, dest }))
          } catch {
            return
          }
          const [, , , wanted] = filter.split('.')
          const [, , , found] = eventSubject(undefined, type).split('.')
          if (isMatched) expect(found).toBe(wanted)
        },
      ),
      { numRuns: 2_000 },
    )
  })
})
