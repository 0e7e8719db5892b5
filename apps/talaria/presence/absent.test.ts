import { describe, expect, it } from 'vitest'
import type { TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { createAbsences } from './absent.ts'

const LEASE_MS = 15_000

const entry = (draining = false): TalariaEntry => ({
  url: 'http://127.0.0.1:6200',
  region: 'r',
  weight: 1,
  started: '',
  devices: 0,
  draining,
})
const members = (...ids: string[]) => new Map(ids.map((id) => [id, entry()]))
const absences = (talariaId = 'me') => createAbsences({ talariaId, leaseMs: LEASE_MS })

describe('a Talaria with sessions and without a lease', () => {
  it('is gone once it was absent for a whole lease', () => {
    const mine = absences()
    expect(mine.due(['me', 'gone'], members('me'), 1_000)).toEqual({ due: [], waiting: 1 })
    expect(mine.due(['me', 'gone'], members('me'), 15_999)).toEqual({ due: [], waiting: 1 })
    expect(mine.due(['me', 'gone'], members('me'), 16_000)).toEqual({ due: ['gone'], waiting: 0 })
  })

  it('is gone at once when its lease was seen to run out', () => {
    const mine = absences()
    mine.ranOut('gone')
    expect(mine.due(['gone'], members('me'), 1_000).due).toEqual(['gone'])
  })

  it('gets a whole lease again when NATS was away, and when it was back in between', () => {
    const mine = absences()
    mine.due(['gone'], members('me'), 0)
    mine.forget()
    expect(mine.due(['gone'], members('me'), 20_000).due).toEqual([])
    mine.due(['gone'], members('me', 'gone'), 21_000)
    expect(mine.due(['gone'], members('me'), 36_000).due).toEqual([])
  })

  it('is the task of exactly one of the living, and not of one that ends itself', () => {
    const ids = Array.from({ length: 30 }, (_, index) => `gone-${index}`)
    const dueOf = (me: string, all: ReadonlyMap<string, TalariaEntry>) => {
      const one = absences(me)
      for (const id of ids) one.ranOut(id)
      return one.due(ids, all, 0).due
    }
    const all = members('a', 'b', 'c')
    const told = [...all.keys()].flatMap((id) => dueOf(id, all))
    expect(told.toSorted()).toEqual(ids.toSorted())
    all.set('b', entry(true))
    expect(dueOf('b', all)).toEqual([])
    expect([...dueOf('a', all), ...dueOf('c', all)].toSorted()).toEqual(ids.toSorted())
    expect(dueOf('b', new Map([['b', entry(true)]]))).toEqual(ids)
  })
})
