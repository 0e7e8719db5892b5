import { execFileSync } from 'node:child_process'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SHOWN = `
import { getCompileCacheDir } from 'node:module'
const { keepCompiled } = await import('#apps/xmidt/compiled.ts')
keepCompiled()
process.stdout.write(String(getCompileCacheDir()))`

const directoryWith = (environment: Record<string, string>): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', SHOWN], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, ...environment },
  })

describe('what Node compiled of the command', () => {
  it('is kept beside the packages for the next start', () => {
    expect(directoryWith({})).toContain(`${resolve('node_modules/.cache/compiled')}/`)
  })

  it('is kept where the environment says, or not at all', () => {
    using elsewhere = mkdtempDisposableSync(join(tmpdir(), 'xmidt-compiled-'))
    const { path } = elsewhere
    expect(directoryWith({ NODE_COMPILE_CACHE: path })).toContain(`${path}/`)
    expect(directoryWith({ NODE_DISABLE_COMPILE_CACHE: '1' })).toBe('undefined')
  })
})
