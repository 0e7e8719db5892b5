import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { USER_NAMES } from '#nats/permissions.ts'
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
    const { nats, ...others } = credentials
    const passwords = [...Object.values(nats), ...Object.values(others)]
    expect(new Set(passwords).size).toBe(passwords.length)
    expect(Object.keys(nats)).toEqual(USER_NAMES)
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

  it.each([
    ['0777', 'can be written by others'],
    ['0775', 'can be written by others'],
  ])('is refused with mode %s, with the planted passwords in it', (mode, why) => {
    openWorkspace(directory, false)
    const planted = readFileSync(join(directory, 'credentials.json'), 'utf8')
    chmodSync(directory, Number.parseInt(mode, 8))
    expect(() => openWorkspace(directory, false)).toThrow(why)
    expect(() => openWorkspace(directory, false)).toThrow('chmod go-w')
    expect(() => readRunning(directory)).toThrow(why)
    // Nothing of it was touched, by --fresh neither.
    expect(() => openWorkspace(directory, true)).toThrow(why)
    expect(readFileSync(join(directory, 'credentials.json'), 'utf8')).toBe(planted)
  })

  it('is refused in a directory that is open to all, where anybody could put another', () => {
    const inner = join(directory, 'inner')
    openWorkspace(inner, false)
    chmodSync(directory, 0o777)
    expect(() => openWorkspace(inner, false)).toThrow('can be replaced by anybody')
    chmodSync(directory, 0o1777)
    openWorkspace(inner, false)
  })

  it('is refused with a file of secrets that others can read, or that leads elsewhere', () => {
    openWorkspace(directory, false)
    const file = join(directory, 'credentials.json')
    chmodSync(file, 0o644)
    expect(() => openWorkspace(directory, false)).toThrow(`chmod 600 ${file}`)
    renameSync(file, join(directory, 'elsewhere'))
    symlinkSync(join(directory, 'elsewhere'), file)
    expect(() => openWorkspace(directory, false)).toThrow('is no file of yours')
    openWorkspace(directory, true)
  })

  it.runIf(process.getuid?.() === 0)('is refused when it is another user’s', () => {
    chownSync(directory, 65_534, 65_534)
    expect(() => openWorkspace(directory, false)).toThrow('belongs to another user')
    chownSync(directory, 0, 0)
    openWorkspace(directory, false)
    chownSync(join(directory, 'credentials.json'), 65_534, 65_534)
    expect(() => openWorkspace(directory, false)).toThrow('is no file of yours')
  })

  it('is a definite error where no directory can be', () => {
    expect(() => openWorkspace('/proc/nope', false)).toThrow('cannot be used')
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

  it('of an older form keeps its passwords and gets those that are missing', () => {
    const old = { fabric: 'a', tools: 'b', system: 'c', operator: 'd', device: 'e', webhook: 'f' }
    writeFileSync(join(directory, 'credentials.json'), JSON.stringify(old), { mode: 0o600 })
    const { credentials } = openWorkspace(directory, false)
    expect(credentials).toMatchObject({ operator: 'd', device: 'e', webhook: 'f' })
    expect(Object.keys(credentials.nats)).toEqual(USER_NAMES)
    expect(openWorkspace(directory, false).credentials).toEqual(credentials)
  })

  it('of a version with fewer users keeps the passwords of those', () => {
    const { credentials } = openWorkspace(directory, false)
    const { operator: _, ...nats } = credentials.nats
    writeFileSync(join(directory, 'credentials.json'), JSON.stringify({ ...credentials, nats }))
    const again = openWorkspace(directory, false).credentials
    expect(again).toMatchObject({ ...credentials, nats })
    expect(again.nats.operator).toMatch(/^[0-9a-f]{24}$/)
  })

  it('with damaged passwords says how to make new ones', () => {
    for (const damaged of ['{"operator":1}', '{"nats":{"talaria":""}}', '{"nats":']) {
      writeFileSync(join(directory, 'credentials.json'), damaged, { mode: 0o600 })
      expect(() => openWorkspace(directory, false)).toThrow(/--fresh/)
    }
  })
})
