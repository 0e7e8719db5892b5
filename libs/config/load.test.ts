import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  choice,
  credentialList,
  durationMs,
  flag,
  list,
  port,
  secret,
  text,
  url,
} from './fields.ts'
import { ConfigError, loadConfig } from './load.ts'

const schema = z.object({
  X_PORT: port('a port', 6200),
  X_WAIT_MS: durationMs('a wait', 1000, { minMs: 10, maxMs: 2000 }),
  X_NAME: text('a name', 'somebody'),
  X_URL: url('a URL', 'http://127.0.0.1:1'),
  X_OPEN: flag('a door', false),
  X_MODE: choice('a mode', ['enforce', 'monitor'], 'enforce'),
  X_REGIONS: list('regions'),
  X_KEY: secret('a key', 'none'),
  X_USERS: credentialList('users'),
})

const fault = (environment: NodeJS.ProcessEnv): string => {
  try {
    loadConfig(schema, environment)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('loadConfig', () => {
  it('gives every field its default when nothing is set', () => {
    expect(loadConfig(schema, {})).toEqual({
      X_PORT: 6200,
      X_WAIT_MS: 1000,
      X_NAME: 'somebody',
      X_URL: 'http://127.0.0.1:1',
      X_OPEN: false,
      X_MODE: 'enforce',
      X_REGIONS: [],
      X_KEY: 'none',
      X_USERS: [],
    })
  })

  it('counts an empty variable as absent', () => {
    expect(loadConfig(schema, { X_PORT: '' }).X_PORT).toBe(6200)
  })

  it('reports all faults together, each with its variable', () => {
    const message = fault({ X_PORT: '70000', X_WAIT_MS: '5', X_OPEN: 'yes', X_URL: 'nowhere' })
    for (const name of ['X_PORT', 'X_WAIT_MS', 'X_OPEN', 'X_URL']) expect(message).toContain(name)
    expect(message.split('\n')).toHaveLength(5)
  })

  it.each(['1.5', '1e3', 'abc', ' ', '-1', '0x10'])('refuses %j as a port', (value) => {
    expect(fault({ X_PORT: value })).toContain('X_PORT')
  })

  it('names a required variable that is missing', () => {
    const required = z.object({ X_FABRIC: url('where') })
    expect(() => loadConfig(required, {})).toThrow('X_FABRIC is required')
  })

  it('reads a secret from the file that its _FILE variable names', () => {
    const directory = mkdtempSync(join(tmpdir(), 'config-'))
    const file = join(directory, 'key')
    writeFileSync(file, 'a:x,b:y:z\n')
    const config = loadConfig(schema, { X_KEY_FILE: file, X_USERS_FILE: file })
    expect(config.X_KEY).toBe('a:x,b:y:z')
    expect(config.X_USERS).toEqual(['a:x', 'b:y:z'])
    expect(fault({ X_KEY_FILE: file, X_KEY: 'c' })).toContain('both set')
    rmSync(directory, { recursive: true })
    expect(fault({ X_KEY_FILE: file })).toContain('X_KEY_FILE cannot be read')
  })

  it('does not read a file for a field that is no secret', () => {
    expect(loadConfig(schema, { X_NAME_FILE: '/etc/hostname' }).X_NAME).toBe('somebody')
  })

  it.each(['me:', 'me', ':secret', ':', 'a:b,me:'])(
    'refuses the credentials %j, as one lacks its user or password',
    (value) => {
      const message = fault({ X_USERS: value })
      expect(message).toContain('X_USERS')
      expect(message).not.toContain('secret')
    },
  )

  it('freezes what it returns', () => {
    expect(Object.isFrozen(loadConfig(schema, {}))).toBe(true)
  })
})
