import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findNatsCli, findNatsServer } from './binary.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'binary-'))))
afterEach(() => rmSync(directory, { recursive: true }))

/** A program that says it is a nats-server of `version`. */
function program(name: string, version: string): string {
  const path = join(directory, name)
  writeFileSync(path, `#!/bin/sh\necho "nats-server: v${version}"\n`)
  chmodSync(path, 0o755)
  return path
}

describe('a nats-server', () => {
  it('that the environment names is taken', async () => {
    const path = program('mine', '2.11.2')
    expect(await findNatsServer({ environment: { NATS_SERVER_BIN: path } })).toBe(path)
  })

  it.each(['2.11.1', '2.9.10', '1.99.99'])(
    'of version %s is too old, which is said',
    async (version) => {
      const environment = { NATS_SERVER_BIN: program('mine', version) }
      await expect(findNatsServer({ environment })).rejects.toMatchObject({
        code: 'BINARY_MISSING',
        message: expect.stringContaining(`${version}, older than 2.11.2`) as string,
      })
    },
  )

  it('that is not there is said to be not there, with what to do', async () => {
    const environment = { NATS_SERVER_BIN: join(directory, 'none') }
    await expect(findNatsServer({ environment })).rejects.toThrow(/cannot be run[\s\S]*Install one/)
  })

  it('in PATH is taken if it is new enough, before the cache', async () => {
    const path = program('nats-server', '2.12.0')
    expect(
      await findNatsServer({ environment: { PATH: directory, XDG_CACHE_HOME: directory } }),
    ).toBe(path)
  })
})

describe('a nats command', () => {
  it('is looked for in the same way, by its own names', async () => {
    const path = program('nats', '0.5.0')
    const environment = { PATH: directory, XDG_CACHE_HOME: directory }
    expect(await findNatsCli({ environment })).toBe(path)
    const old = program('mine', '0.4.0')
    await expect(findNatsCli({ environment: { NATS_CLI_BIN: old } })).rejects.toThrow(
      /0\.4\.0, older than 0\.5\.0[\s\S]*natscli/,
    )
  })

  it('that the cache has is taken before anything is built', async () => {
    const cache = join(directory, 'xmidt-on-nats')
    mkdirSync(cache)
    const path = program(join('xmidt-on-nats', 'nats-0.5.0'), '0.5.0')
    expect(await findNatsCli({ environment: { PATH: '', XDG_CACHE_HOME: directory } })).toBe(path)
  })
})
