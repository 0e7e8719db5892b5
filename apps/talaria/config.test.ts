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

  it('is taken with the URL, or with an address that is one', () => {
    const TALARIA_URL = 'http://talaria.example.com:6200'
    expect(loadConfig(talariaEnv, { TALARIA_HOST: '0.0.0.0', TALARIA_URL })).toBeDefined()
    expect(loadConfig(talariaEnv, { TALARIA_HOST: '127.0.0.1' })).toBeDefined()
  })
})
