import { describe, expect, it } from 'vitest'
import { Turns } from './turns.ts'

const FEEDS = ['one', 'other']
const LONG_MS = 60_000
const never = new AbortController().signal

/** Some messages of a feed, in hand. */
const holdSome = (turns: Turns, feed: string, count: number): Disposable[] =>
  Array.from({ length: count }, () => turns.hold(feed))

describe('the places of a feed', () => {
  it('are all of the webhook while the other feed has nothing in hand, and what that leaves else', () => {
    const turns = new Turns(FEEDS, () => 8)
    expect(turns.placesOf('one')).toBe(8)
    holdSome(turns, 'other', 3)
    expect(turns.placesOf('one')).toBe(5)
  })

  it('are its share at least, however much the other has, and never none', () => {
    const turns = new Turns(FEEDS, () => 8)
    holdSome(turns, 'other', 12)
    expect(turns.placesOf('one')).toBe(4)
    const probe = new Turns(FEEDS, () => 1)
    holdSome(probe, 'other', 1)
    expect(probe.placesOf('one')).toBe(1)
  })

  it('are told to the one feed when the other lets go', () => {
    const turns = new Turns(FEEDS, () => 8)
    const told: string[] = []
    const places = (feed: string) => () => void told.push(`${feed} ${turns.placesOf(feed)}`)
    using _one = turns.onRoom('one', places('one'))
    const other = turns.onRoom('other', places('other'))
    turns.hold('other')[Symbol.dispose]()
    other[Symbol.dispose]()
    turns.hold('one')[Symbol.dispose]()
    expect(told).toEqual(['one 8'])
  })
})

describe('the line', () => {
  it('gives turns in order, never more at once than there are places', async () => {
    let places = 1
    const turns = new Turns(FEEDS, () => places)
    const came: number[] = []
    const first = await turns.take(never, LONG_MS)
    const waiting = [1, 2, 3, 4].map(async (index) => {
      const turn = await turns.take(never, LONG_MS)
      came.push(index)
      return turn
    })
    first?.[Symbol.dispose]()
    const second = await waiting[0]
    expect(came).toEqual([1])
    places = 2
    second?.[Symbol.dispose]()
    const [, third, fourth] = [second, await waiting[1], await waiting[2]]
    expect(came).toEqual([1, 2, 3])
    third?.[Symbol.dispose]()
    fourth?.[Symbol.dispose]()
    await waiting[3]
    expect(came).toEqual([1, 2, 3, 4])
  })

  it('is left at once by all whose loop ends, and later ones do not enter it', async () => {
    const turns = new Turns(FEEDS, () => 1)
    const ending = new AbortController()
    const running = await turns.take(ending.signal, LONG_MS)
    const waiting = [turns.take(ending.signal, LONG_MS), turns.take(ending.signal, LONG_MS)]
    ending.abort()
    expect(await Promise.all(waiting)).toEqual([undefined, undefined])
    running?.[Symbol.dispose]()
    expect(await turns.take(ending.signal, LONG_MS)).toBeUndefined()
    expect(await turns.take(never, LONG_MS)).toBeDefined()
  })

  it('is left by who waited for too long, and its turn is the next one’s', async () => {
    const turns = new Turns(FEEDS, () => 1)
    const running = await turns.take(never, LONG_MS)
    const impatient = turns.take(never, 1)
    const patient = turns.take(never, LONG_MS)
    expect(await impatient).toBeUndefined()
    running?.[Symbol.dispose]()
    expect(await patient).toBeDefined()
  })
})
