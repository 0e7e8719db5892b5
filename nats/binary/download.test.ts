import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { serve, type HttpServer } from '#libs/http/server.ts'
import { downloadRelease } from './download.ts'
import { findBinary } from './find-binary.ts'
import { releaseHashes } from './release-hashes-write.ts'
import { folderOf } from './release.ts'

const VERSION = '9.9.9'
const folder = folderOf(VERSION)
let directory: string
let page: HttpServer
let asked: string[]
let archive: Uint8Array
let hash: string

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'download-'))
  asked = []
  archive = releaseOf('9.9.9')
  hash = createHash('sha256').update(archive).digest('hex')
  page = await serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: ({ url }) => {
      const { pathname } = new URL(url)
      asked.push(pathname)
      if (pathname === `/v${VERSION}/SHA256SUMS`) return new Response(`${hash}  ${folder}.tar.gz\n`)
      if (pathname === `/v${VERSION}/${folder}.tar.gz`) return new Response(new Uint8Array(archive))
      return new Response(null, { status: 404 })
    },
  })
})
afterEach(async () => {
  await page[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

/** An archive as a release has it, with a program that says its version. */
function releaseOf(version: string): Uint8Array {
  const made = join(directory, `made-${version}-${Math.random()}`)
  mkdirSync(join(made, folder), { recursive: true })
  const program = join(made, folder, 'nats-server')
  writeFileSync(program, `#!/bin/sh\necho "nats-server: v${version}"\n`)
  chmodSync(program, 0o755)
  const file = join(made, 'archive.tar.gz')
  execFileSync('tar', ['-czf', file, '-C', made, folder])
  return readFileSync(file)
}

const download = (hashes: Record<string, Record<string, string>>): Promise<string> => {
  const into = join(directory, 'into')
  mkdirSync(into)
  return downloadRelease({
    version: VERSION,
    directory: into,
    onProgress: () => undefined,
    hashes,
    releasesUrl: page.url,
  })
}

describe('a release of nats-server', () => {
  it('is unpacked when its archive has the hash that is kept here', async () => {
    const path = await download({ [VERSION]: { [folder]: hash } })
    expect(execFileSync(path).toString()).toContain('v9.9.9')
  })

  it('that was changed, with the checksums beside it, is not unpacked', async () => {
    const wanted = hash
    archive = releaseOf('6.6.6')
    hash = createHash('sha256').update(archive).digest('hex')
    await expect(download({ [VERSION]: { [folder]: wanted } })).rejects.toThrow(`not ${wanted}`)
    expect(existsSync(join(directory, 'into', folder))).toBe(false)
  })

  it('without a hash is not even asked for; the next way is taken, and both are told', async () => {
    await expect(download({ [VERSION]: {} })).rejects.toThrow('no hash')
    const wanted = {
      name: 'nats-server',
      variable: 'NATS_SERVER_BIN',
      versionMin: [9, 0, 0],
      version: VERSION,
      module: 'invalid.invalid/none',
      download: (options: Parameters<typeof downloadRelease>[0]) =>
        downloadRelease({ ...options, hashes: {}, releasesUrl: page.url }),
      advice: [],
    } as const
    const environment = { PATH: '', XDG_CACHE_HOME: directory }
    await expect(findBinary(wanted, { environment })).rejects.toThrow(
      /download: nats\/binary\/release-hashes\.ts has no hash[\s\S]*go install: /,
    )
    expect(asked).toEqual([])
  })

  it('has its hashes printed for whoever keeps them here', async () => {
    expect(await releaseHashes(VERSION, page.url)).toEqual({ [folder]: hash })
    await expect(releaseHashes('1.1.1', page.url)).rejects.toThrow('404')
  })
})
