import { describe, expect, it } from 'vitest'
import { createLogger } from './logger.ts'

function lines(write: (log: ReturnType<typeof createLogger>) => void, level = 'info'): string[] {
  const written: string[] = []
  write(createLogger('talaria', { level, destination: { write: (line) => written.push(line) } }))
  return written
}

describe('createLogger', () => {
  it('writes one JSON line with the app, a level in words, a readable time and the facts', () => {
    const [line] = lines((log) => log.info({ deviceId: 'mac:112233445566' }, 'connected'))
    expect(JSON.parse(line ?? '')).toMatchObject({
      app: 'talaria',
      level: 'info',
      deviceId: 'mac:112233445566',
      msg: 'connected',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    })
  })

  it('never writes a token, a password, an authorization or a payload', () => {
    const [line] = lines((log) =>
      log.info({
        token: 'hush-1',
        request: { authorization: 'hush-2', inner: { password: 'hush-3' } },
        payload: 'hush-4',
      }),
    )
    expect(line).not.toContain('hush')
    expect(line).toContain('[redacted]')
  })

  it('leaves out what is less severe than its level', () => {
    expect(lines((log) => log.info('idle'), 'warn')).toEqual([])
  })
})
