import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openWorkspace, readRunning } from './workspace.ts'

const running = {
  themisUrl: 'http://a',
  scytaleUrl: 'http://b',
  caduceusUrl: 'http://c',
  natsUrl: 'nats://d',
}

describe('the workspace', () => {
  let directory: string
  beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'workspace-'))))
  afterEach(() => rmSync(directory, { recursive: true }))

  it('makes passwords once, for their owner only', () => {
    const { credentials } = openWorkspace(directory, false)
    expect(openWorkspace(directory, false).credentials).toEqual(credentials)
    expect(new Set(Object.values(credentials)).size).toBe(Object.keys(credentials).length)
    expect(statSync(join(directory, 'credentials.json')).mode & 0o777).toBe(0o600)
  })

  it('made fresh has new passwords and an empty store, and touches no other file', () => {
    const { credentials, storeDirectory } = openWorkspace(directory, false)
    writeFileSync(join(storeDirectory, 'x'), '')
    writeFileSync(join(directory, 'mine.txt'), 'mine')
    expect(openWorkspace(directory, true).credentials).not.toEqual(credentials)
    expect(existsSync(join(storeDirectory, 'x'))).toBe(false)
    expect(readFileSync(join(directory, 'mine.txt'), 'utf8')).toBe('mine')
  })

  it('tells other commands where the fabric is while it runs, and what to do when none does', () => {
    const workspace = openWorkspace(directory, false)
    workspace.rememberRunning(running)
    expect(readRunning(directory)).toEqual({ running, credentials: workspace.credentials })
    workspace.forgetRunning()
    expect(() => readRunning(directory)).toThrow(/npm start/)
  })

  it('that cannot be written says so and names a way out', () => {
    writeFileSync(join(directory, 'file'), '')
    expect(() => openWorkspace(join(directory, 'file', 'below'), false)).toThrow(/--directory/)
  })

  it('with damaged passwords says how to make new ones', () => {
    writeFileSync(join(directory, 'credentials.json'), '{"fabric":1}')
    expect(() => openWorkspace(directory, false)).toThrow(/--fresh/)
  })
})
