import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openWorkspace, type Workspace } from '#apps/xmidt/workspace.ts'
import { contexts, type ContextsOptions } from './contexts.ts'

let directory: string
let workspace: Workspace
let said: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'contexts-'))
  workspace = openWorkspace(join(directory, 'fabric'), false)
  workspace.rememberRunning({
    themisUrl: '',
    scytaleUrl: '',
    caduceusUrl: '',
    natsUrl: 'nats://tools:secret@127.0.0.1:4222',
  })
  said = ''
  vi.stubEnv('XDG_CONFIG_HOME', join(directory, 'own'))
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += text.toString()
    return true
  })
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
  rmSync(directory, { recursive: true })
})

const run = (options: Partial<ContextsOptions> = {}): number =>
  contexts({
    directory: workspace.directory,
    output: undefined,
    url: undefined,
    caFile: undefined,
    isForced: false,
    ...options,
  })

const own = (person: string): string =>
  join(directory, 'own', 'nats', 'context', `xmidt-${person}.json`)

const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))

describe('contexts of the running fabric', () => {
  it("go into the user's own configuration, for his eyes only, and leave the chosen one chosen", () => {
    expect(run()).toBe(0)
    expect(read(own('operator'))).toEqual({
      description: expect.stringMatching(/^XMiDT: /) as string,
      url: 'nats://127.0.0.1:4222',
      user: 'operator',
      password: workspace.credentials.nats.operator,
      inbox_prefix: '_INBOX_operator',
    })
    for (const person of ['tools', 'operator', 'system']) {
      expect(statSync(own(person)).mode & 0o777).toBe(0o600)
      expect(said).toContain(`made       ${own(person)}`)
    }
    expect(readdirSync(join(directory, 'own', 'nats'))).toEqual(['context'])
  })

  it('are renewed where they are ours, and not written where nothing changed', () => {
    run()
    writeFileSync(
      own('tools'),
      readFileSync(own('tools'), 'utf8').replace('127.0.0.1:4222', '127.0.0.1:1'),
    )
    said = ''
    expect(run()).toBe(0)
    expect(said).toContain(`renewed    ${own('tools')}`)
    expect(said).toContain(`unchanged  ${own('system')}`)
    expect(read(own('tools'))).toMatchObject({ url: 'nats://127.0.0.1:4222' })
  })

  it.each(['{"description":"mine","url":"nats://elsewhere"}', 'no JSON', 'null', ''])(
    'leave what somebody else made under the name: %j',
    (text) => {
      mkdirSync(dirname(own('system')), { recursive: true })
      writeFileSync(own('system'), text)
      expect(run()).toBe(1)
      expect(said).toContain(`left alone ${own('system')}: somebody else made it; --force`)
      expect(readFileSync(own('system'), 'utf8')).toBe(text)
      expect(read(own('tools'))).toMatchObject({ user: 'tools' })
      expect(run({ isForced: true })).toBe(0)
      expect(read(own('system'))).toMatchObject({ user: 'system' })
    },
  )

  it('go beneath a directory that XDG_CONFIG_HOME will name, with the harmless one chosen', () => {
    const output = join(directory, 'cli')
    expect(run({ output })).toBe(0)
    expect(readFileSync(join(output, 'nats/context.txt'), 'utf8')).toBe('xmidt-tools')
    expect(readdirSync(join(output, 'nats/context')).toSorted()).toEqual([
      'xmidt-operator.json',
      'xmidt-system.json',
      'xmidt-tools.json',
    ])
  })

  it('are written by the fabric itself at its start, and emptied with it', () => {
    workspace.writeContexts('nats://127.0.0.1:1')
    const file = join(workspace.cliDirectory, 'nats/context/xmidt-tools.json')
    expect(read(file)).toMatchObject({ url: 'nats://127.0.0.1:1' })
    openWorkspace(workspace.directory, true)
    expect(() => statSync(file)).toThrow('ENOENT')
  })
})

describe('contexts of another fabric', () => {
  it('have its servers, its authority and those users whose password is given', () => {
    writeFileSync(join(directory, 'password'), 'of tools\n')
    vi.stubEnv('NATS_TOOLS_PASSWORD_FILE', join(directory, 'password'))
    vi.stubEnv('NATS_OPERATOR_PASSWORD', 'of operator')
    const url = 'tls://nats-1:4222,tls://nats-2:4222'
    expect(run({ url, caFile: join(directory, 'ca.pem') })).toBe(0)
    const shared = { url, ca: join(directory, 'ca.pem') }
    expect(read(own('tools'))).toMatchObject({ ...shared, password: 'of tools' })
    expect(read(own('operator'))).toMatchObject({ ...shared, password: 'of operator' })
    expect(() => statSync(own('system'))).toThrow('ENOENT')
  })

  it('are refused without a password, or with one in the URL', () => {
    expect(() => run({ url: 'tls://nats-1:4222' })).toThrow(/NATS_OPERATOR_PASSWORD/)
    expect(() => run({ url: 'tls://a:4222,tls://user:secret@b:4222' })).toThrow(/without user/)
  })
})
