import { expect, it } from 'vitest'
import { createPeers } from './peers.ts'

it('who was heard before and is silent is missed, until he is gone', () => {
  const peers = createPeers()
  const all = new Set([peers.own, 'other'])
  const alone = new Set([peers.own])
  expect(peers.isMissing(alone)).toBe(false)
  expect(peers.isMissing(all)).toBe(false)
  expect(peers.isMissing(alone)).toBe(true)
  expect(peers.isMissing(all)).toBe(false)
  expect([1, 2, 3, 4].map(() => peers.isMissing(alone))).toEqual([true, true, false, false])
})

it('who does not hear himself has heard nobody', () => {
  expect(createPeers().isMissing(new Set(['other']))).toBe(true)
})
