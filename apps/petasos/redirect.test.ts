import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { talariaEntry, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { answer, redirectPage } from './redirect.ts'

const NAME = 'mac:112233445566'

const entry = (url: string, more: Partial<TalariaEntry> = {}): TalariaEntry => ({
  url,
  region: 'local',
  weight: 1,
  started: '2026-01-01T00:00:00Z',
  devices: 0,
  draining: false,
  ...more,
})
const talarias = new Map([
  ['a', entry('http://a:6200')],
  ['b', entry('http://b:6200')],
])

describe('an answer', () => {
  it.each([
    ['/api/v2/device', '/api/v2/device'],
    ['/api/v2/device//', '/api/v2/device'],
    ['/', ''],
    ['/a?x=%20&y=/', '/a?x=%20&y='],
    ['http://evil.example/api/v2/device', '/api/v2/device'],
    ['http://evil.example', ''],
    ['*', ''],
  ])('to %s keeps the path %s behind the Talaria', (target, path) => {
    const found = answer(NAME, target, talarias)
    expect([`http://a:6200${path}`, `http://b:6200${path}`]).toContain(
      found.kind === 'redirect' ? found.location : undefined,
    )
  })

  it('never leads to a host that no Talaria announced, and never breaks its line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (target) => {
        const found = answer(NAME, target, talarias)
        expect(found.kind === 'redirect' && found.location).toMatch(
          /^http:\/\/[ab]:6200(\/[\u0021-\u007e]*)?$/,
        )
      }),
    )
  })

  it.each([
    'javascript:alert(1)',
    'file:///etc/passwd',
    'ftp://a:6200',
    '//evil.example',
    'http://a\r\nSet-Cookie: x',
    'http://a/ b',
    'http:evil.example',
  ])('never leads to %j, which is not read as the URL of a Talaria', (url) => {
    expect(talariaEntry.safeParse(entry(url)).success).toBe(false)
    const inside = entry('http://a', { internalUrl: url })
    expect(talariaEntry.safeParse(inside).success).toBe(false)
    expect(talariaEntry.safeParse(entry('https://a:6200/')).success).toBe(true)
  })

  it('inside leads to the internal URL, or to the public one of a Talaria that has no other', () => {
    const inside = (talaria: TalariaEntry) =>
      answer(NAME, '/x', new Map([['a', talaria]]), 'internal')
    const both = entry('http://public', { internalUrl: 'http://inside:6200/' })
    expect(inside(both)).toMatchObject({ location: 'http://inside:6200/x' })
    expect(inside(entry('http://public'))).toMatchObject({ location: 'http://public/x' })
    expect(answer(NAME, '/x', new Map([['a', both]]))).toMatchObject({
      location: 'http://public/x',
    })
  })

  it('names the same Talaria inside and outside', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{1,16}$/), (serial) => {
        const outside = answer(`serial:${serial}`, '/', talarias)
        expect(answer(`serial:${serial}`, '/', talarias, 'internal')).toEqual(outside)
      }),
    )
  })

  it('is the same for every spelling of the id', () => {
    const wanted = answer(NAME, '/', talarias)
    expect(answer('MAC:11:22:33:44:55:66', '/', talarias)).toEqual(wanted)
    expect(answer('mac:11-22-33.44,5566/service', '/', talarias)).toEqual(wanted)
  })

  it.each([
    [undefined, 'name-missing', 400],
    ['', 'name-missing', 400],
    ['nonsense', 'name-invalid', 400],
    ['mac:1122334455667788', 'name-invalid', 400],
    ['event:x', 'name-invalid', 400],
    ['self:', 'name-invalid', 400],
  ])('to the name %j is the refusal %s', (name, reason, status) => {
    expect(answer(name, '/', talarias)).toMatchObject({ kind: 'refused', reason, status })
  })

  it('without a Talaria says when to ask again', () => {
    expect(answer(NAME, '/', new Map())).toMatchObject({
      reason: 'no-talaria',
      status: 503,
      headers: { 'Retry-After': '5' },
    })
  })

  it('names nobody that drains, unless all do', () => {
    const some = new Map([
      ['a', entry('http://a', { draining: true })],
      ['b', entry('http://b')],
    ])
    for (let index = 0; index < 50; index += 1) {
      expect(answer(`serial:${index}`, '/', some)).toMatchObject({ talaria: 'b' })
    }
    const all = new Map([['a', entry('http://a', { draining: true })]])
    expect(answer(NAME, '/', all)).toMatchObject({ talaria: 'a' })
  })

  it('follows the weights', () => {
    const weighted = new Map([
      ['small', entry('http://a')],
      ['large', entry('http://b', { weight: 9 })],
    ])
    let largeCount = 0
    for (let index = 0; index < 1_000; index += 1) {
      const found = answer(`serial:${index}`, '/', weighted)
      if (found.kind === 'redirect' && found.talaria === 'large') largeCount += 1
    }
    expect(largeCount / 1_000).toBeCloseTo(0.9, 1)
  })
})

describe('the page of a redirect', () => {
  it('is what upstream sends, with the location escaped', () => {
    expect(redirectPage(`http://a/?x=<&>"'`)).toBe(
      '<a href="http://a/?x=&lt;&amp;&gt;&#34;&#39;">Temporary Redirect</a>.\n\n',
    )
  })
})
