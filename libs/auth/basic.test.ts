import { describe, expect, it } from 'vitest'
import { createBasic } from './basic.ts'

const basicHeader = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

describe('a caller with a password', () => {
  it('comes in however its header is written', () => {
    const known = createBasic(['me:\u00FF\u00FE?', 'other:x'])
    const encoded = Buffer.from('me:\u00FF\u00FE?')
    expect(known(`Basic ${encoded.toString('base64')}`)).toBe('me')
    expect(known(`bAsIC  ${encoded.toString('base64')}`)).toBe('me')
    expect(known(`Basic ${encoded.toString('base64url')}`)).toBe('me')
    expect(known(basicHeader('other:x'))).toBe('other')
  })

  it('does not come in by a header that is only nearly the right one', () => {
    const known = createBasic(['me:secret'])
    const right = basicHeader('me:secret')
    const near = [`${right}\u0000`, ` ${right}`, right.slice(0, -4), `${right}AAAA`, 'Basic ', '']
    for (const value of near) expect(known(value)).toBeUndefined()
    expect(known(right)).toBe('me')
  })

  it('comes in by a password that is longer than most, and by all of it only', () => {
    const known = createBasic([`me:${'x'.repeat(1_000)}y`])
    expect(known(basicHeader(`me:${'x'.repeat(1_000)}y`))).toBe('me')
    expect(known(basicHeader(`me:${'x'.repeat(1_000)}z`))).toBeUndefined()
    expect(known(basicHeader(`me:${'x'.repeat(600)}`))).toBeUndefined()
  })
})
