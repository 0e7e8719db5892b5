import { describe, expect, it } from 'vitest'
import { createRush, type Happened } from './rush.ts'

const QUIET: Happened = { seconds: 1, events: 10, connects: 0 }
const MANY: Happened = { seconds: 1, events: 20_000, connects: 0 }
/** A fleet that comes back, and each device of which sends a few events. */
const RETURN: Happened = { seconds: 1, events: 6_000, connects: 1_500 }

const looked = (...looks: Happened[]): boolean[] => {
  const rush = createRush()
  return looks.map((look) => rush.look(look))
}

describe('a rush of events', () => {
  it('begins when they come at a high rate for three looks', () => {
    expect(looked(MANY, MANY, MANY, MANY)).toEqual([false, false, true, true])
    expect(looked(MANY, MANY, QUIET, MANY, MANY, MANY).at(-2)).toBe(false)
  })

  it('ends when they have not for three looks', () => {
    const begun = [MANY, MANY, MANY]
    expect(looked(...begun, QUIET, QUIET, QUIET).slice(3)).toEqual([true, true, false])
    expect(looked(...begun, QUIET, QUIET, MANY, QUIET, QUIET).at(-1)).toBe(true)
  })

  it('is not what a look finds that came late', () => {
    const late = { ...MANY, events: 10_000, seconds: 5 }
    expect(looked(late, late, late, late).at(-1)).toBe(false)
  })

  it('is not the return of many devices', () => {
    expect(looked(RETURN, RETURN, RETURN, RETURN)).toEqual([false, false, false, false])
    expect(looked(MANY, MANY, MANY, RETURN, RETURN, RETURN).at(-1)).toBe(false)
  })
})
