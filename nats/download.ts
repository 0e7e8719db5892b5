/** The pinned release of nats-server from the project's own page, checked against its checksums. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { arch, platform } from 'node:process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether the page can be reached shows at once; what has not come by then will not. */
const CHECKSUMS_MS = 10_000

/** Some 10 MB over a slow line. */
const ARCHIVE_MS = 180_000

/** Names of the release's archives. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  ia32: '386',
}
const PLATFORMS: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  freebsd: 'freebsd',
}

/**
 * Downloads and unpacks the release into `directory`; resolves with the binary's path.
 * @throws an error whose message says what failed; nothing is unpacked unless the checksum is right.
 */
export async function downloadRelease(
  version: string,
  directory: string,
  onProgress: (text: string) => void,
): Promise<string> {
  const system = PLATFORMS[platform]
  const architecture = ARCHITECTURES[arch]
  if (!system || !architecture) throw new Error(`there is no archive for ${platform} ${arch}`)
  const folder = `nats-server-v${version}-${system}-${architecture}`
  const base = `https://github.com/nats-io/nats-server/releases/download/v${version}`
  const checksums = new TextDecoder().decode(await get(`${base}/SHA256SUMS`, CHECKSUMS_MS))
  const wanted = checksums.match(new RegExp(`^([0-9a-f]{64}) [ *]${folder}\\.tar\\.gz$`, 'm'))?.[1]
  if (wanted === undefined) throw new Error(`the release has no checksum for ${folder}`)
  onProgress(`fetching nats-server ${version} from GitHub; once, some 10 MB …`)
  const archive = await get(`${base}/${folder}.tar.gz`, ARCHIVE_MS)
  const found = createHash('sha256').update(archive).digest('hex')
  if (found !== wanted) throw new Error(`the archive's checksum is ${found}, not ${wanted}`)
  const file = join(directory, 'nats-server.tar.gz')
  writeFileSync(file, archive)
  await run('tar', ['-xzf', file, '-C', directory])
  return join(directory, folder, 'nats-server')
}

async function get(url: string, timeoutMs: number): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(
    (error: unknown) => {
      const cause = (error as Error).cause
      throw new Error(
        `${new URL(url).host} cannot be reached (${cause instanceof Error ? cause.message : String(error)})`,
        {
          cause: error,
        },
      )
    },
  )
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
