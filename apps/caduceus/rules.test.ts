import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { eventSubject } from '#libs/nats/subjects.ts'
import { eventTypeOf } from '#libs/wrp/locator.ts'
import { createAddressGuard } from './delivery/receiver/addresses.ts'
import { formatDuration, parseDuration } from './registration/duration.ts'
import { filterSubjectOf } from './consumers/durable/filter.ts'
import { createMatcher, eventOf } from './delivery/matching/matcher.ts'
import { compilePattern } from './delivery/matching/pattern.ts'
import { toDeliveryForm, toDeliveryRequest } from './delivery/request.ts'
import { parseRetryAfter, retryDelayMs } from './delivery/schedule.ts'
import { signatureHeaders, signingKeysOf } from './delivery/signature.ts'
import type { Hook } from './webhook.ts'

const hook: Hook = {
  registered_from_address: '',
  config: { url: 'https://receiver.example/', content_type: '' },
  failure_url: '',
  events: ['.*'],
  matcher: { device_id: ['.*'] },
}
const webhook = { owner: 'o', partnerIds: ['*'], registeredAtMs: 0, untilMs: 1, hook }
const event = {
  msg_type: 4,
  source: 'dns:talaria-1.example.com',
  dest: 'event:device-status/mac:112233445566/online',
}

describe('a duration', () => {
  it.each([
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['-1ms', -1],
    ['0', 0],
    [300, 300_000],
    ['300', undefined],
    [1.5, undefined],
    [null, undefined],
    ['', undefined],
    ['5 m', undefined],
  ])('%j is %s ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  it('is written as Go writes it', () => {
    expect([300_000, 3_600_000, 10_000].map(formatDuration)).toEqual(['5m0s', '1h0m0s', '10s'])
  })
})

describe('the address guard', () => {
  const guard = createAddressGuard(['10.1.0.0/16', 'fd00:1::/32'])
  it.each(['8.8.8.8', '2606:4700::1', '10.1.2.3', 'fd00:1::5', '::ffff:10.1.2.3'])(
    'allows %s',
    (address) => expect(guard.allows(address)).toBe(true),
  )
  it.each([
    '0.0.0.0',
    '10.2.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:127.0.0.1',
    '::ffff:8.8.8.8',
    '::ffff:0:127.0.0.1',
    '::ffff:0:a00:1',
    '::5efe:10.0.0.1',
    'fe80::5efe:10.0.0.1',
    '64:ff9b:1::a00:1',
    '100::1',
    '100:0:0:1::1',
    '1fff:ffff::1',
    '4000::1',
    '5f00::1',
    '2001::1',
    '2001:0:a00:1::',
    '2001:db8::1',
    '3fff::1',
    'fec0::1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    'fe80::1',
    'fd00:2::1',
    'ff02::1',
    'localhost',
    '',
  ])('refuses %s', (address) => expect(guard.allows(address)).toBe(false))

  it.each(['10.0.0.0/33', '10.0.0.0/', 'nets', '10.0.0.0/8/8', '1::/129'])(
    'cannot be made with %s',
    (network) => expect(() => createAddressGuard([network])).toThrow(/is no network/),
  )
})

describe('the event patterns', () => {
  it.each([
    ['device-status', 'matched'],
    ['.*/online$', 'matched'],
    ['', 'matched'],
    ['(?i)DEVICE', 'matched'],
    ['^event:device-status', 'event'],
    ['^online', 'event'],
  ])('%j: %s', (pattern, expected) => {
    const matches = createMatcher({ ...webhook, hook: { ...hook, events: [pattern] } })
    expect(matches(event)).toBe(expected)
  })

  it.each([
    ['mac:112233445566', 'matched'],
    ['^dns:talaria', 'matched'],
    ['^mac:112233445566', 'device'],
  ])('with the device pattern %j: %s', (pattern, expected) => {
    const device = { ...hook, matcher: { device_id: [pattern] } }
    expect(createMatcher({ ...webhook, hook: device })(event)).toBe(expected)
  })

  it('are one filter subject only where nothing is lost by it', () => {
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

  it('never match an event that their filter leaves out', () => {
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

describe('the schedule', () => {
  it('waits as planned with some jitter, and ends', () => {
    const delayMs = retryDelayMs([100, 1_000], 2, undefined)
    expect(delayMs).toBeGreaterThanOrEqual(1_000)
    expect(delayMs).toBeLessThanOrEqual(1_200)
    expect(retryDelayMs([100, 1_000], 3, undefined)).toBeUndefined()
  })

  it('lets a receiver ask for more time, but not for ever', () => {
    expect(retryDelayMs([100], 1, 5_000)).toBe(5_000)
    expect(retryDelayMs([100], 1, 1e12)).toBe(3_600_000)
    expect(parseRetryAfter('7', 0)).toBe(7_000)
    expect(parseRetryAfter('Thu, 01 Jan 1970 00:00:09 GMT', 1_000)).toBe(8_000)
    expect(parseRetryAfter('soon', 0)).toBeUndefined()
  })
})

describe('a signature', () => {
  it('is what upstream’s and Standard Webhooks’ receivers compute', () => {
    const body = Buffer.from('{"id":"1"}')
    const legacy = signatureHeaders(signingKeysOf('secret'), { id: 'i', timestampSeconds: 1, body })
    const sha1 = 'sha1=064ed8a4ab12749de928392ea09e90eb2aa23388'
    expect(legacy.slice(0, 4)).toEqual(['X-Webpa-Signature', sha1, 'Xmidt-Signature', sha1])
    const keys = signingKeysOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')
    const standard = signatureHeaders(keys, {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      timestampSeconds: 1_614_265_330,
      body: Buffer.from('{"test": 2432232314}'),
    })
    const signature = standard[standard.indexOf('webhook-signature') + 1]
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  })

  it('is made with a key of no bytes where that is what the secret says', () => {
    const body = Buffer.from('{}')
    const headers = signatureHeaders(signingKeysOf('whsec_'), {
      id: 'i',
      timestampSeconds: 1,
      body,
    })
    const standard = createHmac('sha256', '').update('i.1.{}').digest('base64')
    expect(headers.at(-1)).toBe(`v1,${standard}`)
  })
})

describe('the headers of a delivery', () => {
  it('hold nothing that a device could break out with, and have a bound', () => {
    const values = fc.string({ unit: 'binary', maxLength: 3_000 })
    fc.assert(
      fc.property(values, fc.dictionary(values, values, { maxKeys: 20 }), (text, metadata) => {
        const secret = { ...hook, config: { ...hook.config, secret: 'x' } }
        const form = toDeliveryForm(
          { msg_type: 4, source: text, dest: text, path: text, content_type: text, metadata },
          { eventId: 'a.b', isWhole: false },
        )
        const { headers } = toDeliveryRequest(secret, form, 0)
        for (const header of headers) expect(header).toMatch(/^[\x20-\x7e\x80-\xff]*$/)
        expect(headers.join('').length).toBeLessThan(16 * 1024)
        const metadataLines = headers.filter((name) => name === 'X-Xmidt-Metadata')
        expect(metadataLines.length + form.leftOutCount).toBe(Object.keys(metadata).length)
      }),
      { numRuns: 200 },
    )
  })

  it('sign the bytes that are sent', () => {
    const secret = { ...hook, config: { ...hook.config, secret: 'x', content_type: 'wrp' } }
    const form = toDeliveryForm(event, { eventId: 'e', isWhole: true })
    const { headers, body } = toDeliveryRequest(secret, form, 0)
    const sha1 = createHmac('sha1', 'x').update(body).digest('hex')
    expect(headers[headers.indexOf('X-Webpa-Signature') + 1]).toBe(`sha1=${sha1}`)
  })
})
