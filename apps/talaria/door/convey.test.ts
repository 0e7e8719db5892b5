import { describe, expect, it } from 'vitest'
import { readConvey } from './convey.ts'

const encode = (text: string): string => Buffer.from(text).toString('base64')

describe('what a device says about itself', () => {
  it('is its known fields with a plain value, and nothing else of it', () => {
    const told = {
      'hw-model': 'TG1682',
      'boot-time': 1_494_590_301,
      'webpa-protocol': true,
      'fw-name': null,
      'hw-manufacturer': { name: 'x' },
      'wan-ipv4-address': ['10.0.0.1'],
      'something-else': 'x',
    }
    expect(readConvey(encode(JSON.stringify(told)))).toEqual({
      'hw-model': 'TG1682',
      'boot-time': 1_494_590_301,
      'webpa-protocol': true,
    })
  })

  it('is cut where a text is too long, and can be written whatever it holds', () => {
    const told = { 'hw-model': 'x'.repeat(5_000), 'fw-name': '\ud800' }
    expect(readConvey(encode(JSON.stringify(told)))).toEqual({
      'hw-model': 'x'.repeat(512),
      'fw-name': '\ufffd',
    })
  })

  it.each(['', 'no base64 at all', encode('{'), encode('[1]'), encode('null')])(
    '%j is as if it were not there',
    (encoded) => expect(readConvey(encoded)).toBeUndefined(),
  )

  it('cannot have a field from what every object has, or a number that is none', () => {
    expect(readConvey(encode('{"__proto__":{"hw-model":"x"},"boot-time":1e999}'))).toEqual({})
  })
})
