import { describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { edgeEnv } from './config.ts'
import { parseRoutes } from './routes.ts'

describe('routes', () => {
  it('lead a port to any container of a service, and a range to one after the other', () => {
    expect(parseRoutes(['6000=caduceus:6000', '6200-6202=talaria:6200'])).toEqual([
      { port: 6000, service: 'caduceus', targetPort: 6000, replica: undefined },
      { port: 6200, service: 'talaria', targetPort: 6200, replica: 1 },
      { port: 6201, service: 'talaria', targetPort: 6200, replica: 2 },
      { port: 6202, service: 'talaria', targetPort: 6200, replica: 3 },
    ])
  })

  it.each([
    ['6000', 'must be such as'],
    ['6000=caduceus', 'must be such as'],
    ['70000=caduceus:1', 'must be such as'],
    ['6215-6200=talaria:6200', 'must be such as'],
    ['1-60000=talaria:6200', 'must be such as'],
    ['6000=a:1,6000=b:1', 'names port 6000 twice'],
  ])('%j is refused, and the configuration says why', (text, why) => {
    expect(() => loadConfig(edgeEnv, { EDGE_ROUTES: text })).toThrow(`EDGE_ROUTES ${why}`)
  })
})
