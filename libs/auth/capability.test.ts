import { describe, expect, it } from 'vitest'
import { allows } from './capability.ts'

describe('a capability', () => {
  const request = { prefix: 'x1:webpa:api:', acceptAllMethod: 'all', method: 'GET' }
  it.each([
    ['x1:webpa:api:.*:all', '/api/v3/device/mac:112233445566/stat', true],
    ['x1:webpa:api:device/.*/stat:get', '/api/v2/device/mac:112233445566/stat', true],
    ['x1:webpa:api:/device/.*/stat:get', '/api/v3/device/mac:112233445566/stat', true],
    ['x1:webpa:api:device/.*/stat:post', '/api/v3/device/mac:112233445566/stat', false],
    ['x1:webpa:api:hook:get', '/api/v3/device', false],
    ['x1:other:api:.*:all', '/api/v3/device', false],
    ['x1:webpa:api:(:all', '/api/v3/device', false],
    ['x1:webpa:api:', '/api/v3/device', false],
    ['', '/api/v3/device', false],
  ])('%s on %s: %s', (capability, path, isAllowed) => {
    expect(allows([capability], { ...request, path })).toBe(isAllowed)
    // Its expression is compiled by now.
    expect(allows([capability], { ...request, path })).toBe(isAllowed)
  })

  it('means the same among more of them than are kept compiled, and when it is large', () => {
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 300; index += 1) {
        const capabilities = [`x1:webpa:api:device/${index}/stat$:get`]
        const at = (path: string) => allows(capabilities, { ...request, path })
        expect(at(`/api/v3/device/${index}/stat`)).toBe(true)
        expect(at(`/api/v3/device/${index + 1}/stat`)).toBe(false)
      }
      const large = ['x1:webpa:api:(?:[a-z]{1,200}/){1,4}$:get']
      expect(allows(large, { ...request, path: '/api/v3/device/stat/' })).toBe(true)
      expect(allows(large, { ...request, path: '/api/v3/device/1/' })).toBe(false)
    }
  })
})
