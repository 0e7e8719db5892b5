import { describe, expect, it } from 'vitest'
import { LOCATOR_LENGTH_MAX, namesDevice, parseDeviceId } from './locator.ts'

const IDS = ['mac:112233445566', 'uuid:a-B.c', 'serial:00', 'dns:host.example'].map(parseDeviceId)

const ENDS = ['', '/', '/config', '/config/x', '0', ' ', '.', '?', ':', `/${'x'.repeat(600)}`]

const FORMS = IDS.flatMap((id) => [
  ...ENDS.map((end) => id + end),
  ...ENDS.map((end) => id.toUpperCase() + end),
  id.slice(0, -1),
  ` ${id}`,
])

const TEXTS = [...FORMS, '', 'mac:', 'mac:11-22-33:44:55:66/config', 'event:device-status/x', '/']

const isParsedAs = (text: string, id: string): boolean => {
  try {
    return parseDeviceId(text) === id
  } catch {
    return false
  }
}

describe('whether a locator is of a device', () => {
  it.each(IDS)('%s is told as by taking it apart, however it is written', (id) => {
    for (const text of TEXTS)
      expect([text, namesDevice(text, id)]).toEqual([text, isParsedAs(text, id)])
    expect(TEXTS.filter((text) => namesDevice(text, id)).length).toBeGreaterThan(3)
  })

  it('one that is longer than a locator may be is of none', () => {
    const [id] = IDS
    if (id) expect(namesDevice(`${id}/${'x'.repeat(LOCATOR_LENGTH_MAX)}`, id)).toBe(false)
  })
})
