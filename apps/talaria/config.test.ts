import { describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { talariaEnv } from './config.ts'

describe("Talaria's configuration", () => {
  it.each(['0.0.0.0', '::'])(
    'is refused when it would send devices to %s, and says what to set',
    (TALARIA_HOST) => {
      const reading = () => loadConfig(talariaEnv, { TALARIA_HOST, TALARIA_PING_MS: 'x' })
      expect(reading).toThrow(/TALARIA_URL is required where TALARIA_HOST/)
      // All faults in one go.
      expect(reading).toThrow(/TALARIA_PING_MS/)
    },
  )

  it.each(['one.*', 'a b', '>', 'a..b', '.a', 'x'.repeat(201)])(
    'is refused with the id %s, which would be a wildcard or no key',
    (TALARIA_ID) => {
      expect(() => loadConfig(talariaEnv, { TALARIA_ID })).toThrow(/TALARIA_ID must be/)
    },
  )

  it('is refused with a URL that is none, and says which', () => {
    const TALARIA_URL = 'talaria.example.com'
    expect(() => loadConfig(talariaEnv, { TALARIA_URL })).toThrow(/TALARIA_URL must be a URL/)
  })

  it.each(['javascript:alert(1)', 'file:///etc/passwd', 'ws://talaria', 'http://a/\r\nX: y'])(
    'is refused with the URL %j, which Petasos would give to devices',
    (url) => {
      expect(() => loadConfig(talariaEnv, { TALARIA_URL: url })).toThrow(/TALARIA_URL must be/)
      expect(() => loadConfig(talariaEnv, { TALARIA_INTERNAL_URL: url })).toThrow(
        /TALARIA_INTERNAL_URL must be/,
      )
    },
  )

  it('is taken with the URL, or with an address that is one', () => {
    const TALARIA_URL = 'http://talaria.example.com:6200'
    expect(loadConfig(talariaEnv, { TALARIA_HOST: '0.0.0.0', TALARIA_URL })).toBeDefined()
    expect(loadConfig(talariaEnv, { TALARIA_HOST: '127.0.0.1' })).toBeDefined()
    expect(loadConfig(talariaEnv, { TALARIA_ID: 'host.example.com-6200' })).toBeDefined()
  })
})
