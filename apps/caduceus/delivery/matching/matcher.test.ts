import { describe, expect, it } from 'vitest'
import { createMatcher } from './matcher.ts'
import { HOOK, ONLINE_EVENT, WEBHOOK } from '#tests/support/hook.ts'

describe('the event patterns', () => {
  it.each([
    ['device-status', 'matched'],
    ['.*/online$', 'matched'],
    ['', 'matched'],
    ['(?i)DEVICE', 'matched'],
    ['^event:device-status', 'event'],
    ['^online', 'event'],
  ])('%j: %s', (pattern, expected) => {
    const matches = createMatcher({ ...WEBHOOK, hook: { ...HOOK, events: [pattern] } })
    expect(matches(ONLINE_EVENT)).toBe(expected)
  })

  it.each([
    ['mac:112233445566', 'matched'],
    ['^dns:talaria', 'matched'],
    ['^mac:112233445566', 'device'],
  ])('with the device pattern %j: %s', (pattern, expected) => {
    const device = { ...HOOK, matcher: { device_id: [pattern] } }
    expect(createMatcher({ ...WEBHOOK, hook: device })(ONLINE_EVENT)).toBe(expected)
  })
})
