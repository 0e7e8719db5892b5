import { describe, expect, it } from 'vitest'
import { judgePartners } from './partners.ts'

describe("a message's partners", () => {
  it("become the token's when the message names none", () => {
    const judged = { verdict: 'allowed', partnerIds: ['a', 'b'] }
    expect(judgePartners(undefined, ['a', 'b'])).toEqual(judged)
    expect(judgePartners([''], ['a', 'b'])).toEqual(judged)
  })

  it('are none when the message names none and the token has them all', () => {
    const judged = { verdict: 'allowed', partnerIds: undefined }
    expect(judgePartners(undefined, ['*'])).toEqual(judged)
    expect(judgePartners([], ['a', '*'])).toEqual(judged)
  })

  it('never hold the token’s word for all, which no device knows', () => {
    expect(judgePartners(['*'], ['*'])).toEqual({ verdict: 'allowed', partnerIds: undefined })
    expect(judgePartners(['*', 'z'], ['*'])).toEqual({ verdict: 'allowed', partnerIds: ['z'] })
  })

  it("stay when they are among the token's", () => {
    expect(judgePartners(['a'], ['a', 'b'])).toEqual({ verdict: 'allowed', partnerIds: ['a'] })
  })

  it('stay whatever they are when the token has them all', () => {
    expect(judgePartners(['z'], ['*'])).toEqual({ verdict: 'allowed', partnerIds: ['z'] })
  })

  it("are foreign when one is not the token's", () => {
    expect(judgePartners(['a', 'z'], ['a'])).toEqual({ verdict: 'foreign', partnerIds: ['a'] })
    expect(judgePartners(['*'], ['a'])).toEqual({ verdict: 'foreign', partnerIds: ['a'] })
  })
})
