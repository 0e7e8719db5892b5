import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import {
  EVENT_TYPE_LENGTH_MAX,
  commandSubject,
  deadLetterSubject,
  deviceOfToken,
  deviceSubjectKind,
  deviceSubjects,
  deviceToken,
  eventSubject,
  EVENTS_LOW_STREAM_SUBJECTS,
  EVENTS_STREAM_SUBJECTS,
  eventSubjectsOfType,
  parseEventSubject,
  talariaSubject,
  talariaSubjectKind,
  talariaSubjects,
} from './subjects.ts'
import { SubjectError } from './subject-token.ts'

const device = parseDeviceId('mac:112233445566')

/** Any device id: short enough that its token fits, whatever it consists of. */
const anyDevice: fc.Arbitrary<DeviceId> = fc
  .tuple(
    fc.constantFrom('uuid', 'serial', 'dns'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  )
  .map(([scheme, id]) => {
    try {
      return parseDeviceId(`${scheme}:${id}`)
    } catch {
      return undefined
    }
  })
  .filter((id) => id !== undefined && deviceTokenFits(id))
  .map((id) => id as DeviceId)

function deviceTokenFits(id: DeviceId): boolean {
  try {
    deviceToken(id)
    return true
  } catch {
    return false
  }
}

const codeOf = (act: () => unknown): string | undefined => {
  try {
    act()
  } catch (error) {
    if (error instanceof SubjectError) return error.code
    throw error
  }
  return undefined
}

describe('device tokens', () => {
  it('writes the scheme, an underscore and the id', () => {
    expect(deviceToken(device)).toBe('mac_112233445566')
  })

  it('escapes everything that means something in a subject, a key or a name', () => {
    expect(deviceToken(parseDeviceId('serial:a.b*c>d e_f=g'))).toBe(
      'serial_a=2Eb=2Ac=3Ed=20e=5Ff=3Dg',
    )
    expect(deviceToken(parseDeviceId('serial:é'))).toBe('serial_=C3=A9')
  })

  it('takes any device id there and back, as one token that is also a KV key', () => {
    fc.assert(
      fc.property(anyDevice, (id) => {
        const token = deviceToken(id)
        expect(token).toMatch(/^[-=A-Za-z0-9_]+$/)
        expect(deviceOfToken(token)).toBe(id)
      }),
    )
  })

  it('gives two devices two tokens', () => {
    fc.assert(
      fc.property(anyDevice, anyDevice, (one, other) => {
        expect(deviceToken(one) === deviceToken(other)).toBe(one === other)
      }),
    )
  })

  it.each([
    '',
    '_',
    'mac',
    '_112233445566',
    'mac_',
    'mac_11223344556',
    'serial_a.b',
    'serial_=e9',
    'serial_=FF',
  ])('refuses %j, which no device has', (token) => {
    expect(codeOf(() => deviceOfToken(token))).toBe('TOKEN_MALFORMED')
  })

  it('refuses an id whose token would be too long', () => {
    expect(codeOf(() => deviceToken(parseDeviceId(`serial:${'x'.repeat(193)}`)))).toBeUndefined()
    expect(codeOf(() => deviceToken(parseDeviceId(`serial:${'x'.repeat(194)}`)))).toBe(
      'TOKEN_TOO_LONG',
    )
  })
})

describe('event subjects', () => {
  it('has the partition, the type and the device', () => {
    expect(eventSubject(device, 'device-status')).toMatch(
      /^xmidt\.event\.\d+\.device-status\.mac_112233445566$/,
    )
  })

  it('keeps one device in one partition of sixteen, whatever the type', () => {
    fc.assert(
      fc.property(anyDevice, (id) => {
        const { partition } = parseEventSubject(eventSubject(id, 'a'))
        expect(partition).toBe(parseEventSubject(eventSubject(id, 'b')).partition)
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(16)
      }),
    )
  })

  it('takes any type and device there and back', () => {
    const anyType = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(anyDevice, anyType, (id, type) => {
        fc.pre(codeOf(() => eventSubject(id, type)) === undefined && type.isWellFormed())
        const subject = eventSubject(id, type)
        expect(subject.split('.')).toHaveLength(5)
        expect(subject).not.toMatch(/[*>\s]/)
        expect(parseEventSubject(subject)).toMatchObject({ type, device: id })
      }),
    )
  })

  it('of low qos differ by the partition only, so wildcards over it take both', () => {
    const [high, low] = [false, true].map((isLow) => eventSubject(device, 'x', { isLow }))
    expect(low).toBe(high?.replace('xmidt.event.', 'xmidt.event.low-'))
    expect(parseEventSubject(low ?? '')).toEqual({
      ...parseEventSubject(high ?? ''),
      isLow: true,
    })
  })

  it('are of one stream each, whatever the device and the qos', () => {
    fc.assert(
      fc.property(anyDevice, fc.boolean(), (id, isLow) => {
        const subject = eventSubject(id, 'x', { isLow })
        const isTaken = (taken: string): boolean => subject.startsWith(taken.slice(0, -1))
        expect(EVENTS_STREAM_SUBJECTS.filter(isTaken)).toHaveLength(isLow ? 0 : 1)
        expect(EVENTS_LOW_STREAM_SUBJECTS.filter(isTaken)).toHaveLength(isLow ? 1 : 0)
      }),
    )
  })

  it('has a place for an event without a device', () => {
    expect(eventSubject(undefined, 'x')).toBe('xmidt.event.0.x._')
    expect(parseEventSubject('xmidt.event.0.x._').device).toBeUndefined()
  })

  it('refuses a type that cannot be a token', () => {
    expect(codeOf(() => eventSubject(device, ''))).toBe('TOKEN_EMPTY')
    expect(codeOf(() => eventSubject(device, 'x'.repeat(EVENT_TYPE_LENGTH_MAX)))).toBeUndefined()
    for (const type of ['x'.repeat(EVENT_TYPE_LENGTH_MAX + 1), '漢'.repeat(30)]) {
      expect(codeOf(() => eventSubject(device, type))).toBe('TOKEN_TOO_LONG')
    }
  })

  it('filters on one type with one filter', () => {
    expect(eventSubjectsOfType('a.>')).toBe('xmidt.event.*.a=2E=3E.>')
  })

  it.each([
    'xmidt.event',
    'xmidt.event.1.x',
    'xmidt.event.q.x._',
    'xmidt.event.low-.x._',
    'xmidt.event.low-low-1.x._',
    'xmidt.event.1.x._.y',
    'other.1.x._',
  ])('refuses %j, which is no event', (subject) => {
    expect(codeOf(() => parseEventSubject(subject))).toBe('SUBJECT_UNKNOWN')
  })
})

describe("a device's subjects", () => {
  it('are all taken by its one subscription', () => {
    expect(deviceSubjects(device)).toBe('xmidt.device.mac_112233445566.*')
    expect(commandSubject(device)).toBe('xmidt.device.mac_112233445566.command')
    expect(deviceSubjectKind(commandSubject(device))).toBe('command')
  })

  it('refuses a kind that is none', () => {
    expect(codeOf(() => deviceSubjectKind('xmidt.device.mac_112233445566.reboot'))).toBe(
      'SUBJECT_UNKNOWN',
    )
  })
})

describe('dead letter subjects', () => {
  it('have the webhook as their last token', () => {
    expect(deadLetterSubject('a379a6')).toBe('xmidt.dead.a379a6')
    expect(deadLetterSubject('a.b')).toBe('xmidt.dead.a=2Eb')
  })
})

describe("a Talaria's subjects", () => {
  it('are one subscription, and hold no id unescaped', () => {
    expect(talariaSubjects('talaria-1')).toBe('xmidt.talaria.talaria-1.*')
    expect(talariaSubject('a.b *>', 'stat')).toBe('xmidt.talaria.a=2Eb=20=2A=3E.stat')
    expect(codeOf(() => talariaSubject('a'.repeat(201), 'ping'))).toBe('TOKEN_TOO_LONG')
  })

  it('tell what is asked, also where that is nothing that there is', () => {
    expect(talariaSubjectKind(talariaSubject('a.b', 'drain'))).toBe('drain')
    expect(talariaSubjectKind('xmidt.talaria.a.reboot')).toBeUndefined()
    for (const subject of ['xmidt.talaria.a', 'xmidt.talaria.a.ping.x', 'xmidt.talarias.ping']) {
      expect(codeOf(() => talariaSubjectKind(subject))).toBe('SUBJECT_UNKNOWN')
    }
  })
})
