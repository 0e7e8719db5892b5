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

  it('writes nothing that a terminal takes for an order, and the same JSON all the same', () => {
    const hostile = '\u001b[2J\u009b2J\u007f\u202eback\u2028\n'
    const [line] = lines((log) => log.warn({ name: hostile, [hostile]: 1 }, hostile))
    expect(line?.endsWith('\n')).toBe(true)
    expect(line?.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
    expect(JSON.parse(line ?? '')).toMatchObject({ name: hostile, msg: hostile, [hostile]: 1 })
  })

  it('leaves out what is less severe than its level', () => {
    expect(lines((log) => log.info('idle'), 'warn')).toEqual([])
  })
})
