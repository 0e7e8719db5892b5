import { describe, expect, it } from 'vitest'
import { createByteBudget } from './byte-budget.ts'
import { createLending, LARGEST_BYTES } from './lending.ts'

const never = new AbortController().signal

describe('room for large events', () => {
  it('is lent to each owner up to a limit, and next to who has the least', async () => {
    let lent = 0
    const lending = createLending({
      totalMax: 4 * LARGEST_BYTES,
      ownerMax: 3 * LARGEST_BYTES,
      onLent: (bytes) => (lent = bytes),
    })
    const got: string[] = []
    const borrow = (owner: string, signal = never): Promise<void> =>
      lending.borrow(owner, signal).then(() => void got.push(owner))
    const all = ['greedy', 'greedy', 'greedy', 'greedy', 'greedy'].map((owner) => borrow(owner))
    await Promise.all(all.slice(0, 3))
    expect(got).toEqual(['greedy', 'greedy', 'greedy'])
    await borrow('modest')
    expect(lent).toBe(4 * LARGEST_BYTES)
    // Nothing is left; the greedy one waits longest.
    const late = [borrow('modest'), borrow('third')]
    lending.giveBack('greedy')
    await late[1]
    lending.giveBack('modest')
    await late[0]
    expect(got).toEqual(['greedy', 'greedy', 'greedy', 'modest', 'third', 'modest'])
    lending.giveBack('modest')
    lending.giveBack('greedy')
    await Promise.all(all)
    expect(lent).toBe(4 * LARGEST_BYTES)
  })

  it('is not lent to whoever has gone', async () => {
    const lending = createLending({ totalMax: 0, ownerMax: 0, onLent: () => undefined })
    await lending.borrow('a', never)
    const ending = new AbortController()
    const waiting = lending.borrow('b', ending.signal)
    ending.abort()
    await expect(waiting).rejects.toThrow()
    await expect(lending.borrow('b', ending.signal)).rejects.toThrow()
    lending.giveBack('a')
    await lending.borrow('c', never)
  })
})

describe('the allowance of a webhook', () => {
  it('is an equal share and what is lent, which goes back when it is not needed', async () => {
    const limits = { totalMax: 8 * LARGEST_BYTES, ownerMax: 2 * LARGEST_BYTES }
    let lent = 0
    const budget = createByteBudget(limits, (bytes) => (lent = bytes))
    const one = budget.open('a')
    const alone = one.granted
    const others = Array.from({ length: 9 }, () => budget.open('b'))
    const share = one.granted
    expect(share).toBeLessThan(alone)
    expect(10 * share).toBeLessThanOrEqual(limits.totalMax / 4)
    await one.grow(never)
    await one.grow(never)
    expect(one.granted).toBe(share + 2 * LARGEST_BYTES)
    one.shrink(LARGEST_BYTES)
    expect([one.granted, lent]).toEqual([share + LARGEST_BYTES, LARGEST_BYTES])
    one[Symbol.dispose]()
    expect(lent).toBe(0)
    for (const each of others) each[Symbol.dispose]()
  })
})
