/** A pinned release of nats-server from the project's own page, checked against a hash from here. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { RELEASE_HASHES } from './release-hashes.ts'
import { fetchFile, folderOf, RELEASES_URL } from './release.ts'

const run = promisify(execFile)

/** Some 10 MB over a slow line. */
const ARCHIVE_MS = 180_000

/** What {@link downloadRelease} is told. */
export interface DownloadOptions {
  version: string
  /** Where the archive is unpacked. */
  directory: string
  onProgress: (text: string) => void
  /** By version and folder; those of this repository by default. */
  hashes?: Readonly<Record<string, Readonly<Record<string, string>>>>
  releasesUrl?: string
}

/**
 * Downloads and unpacks the release; resolves with the binary's path. The hash is not the one that
 * lies beside the archive: whoever changed the one would have changed the other.
 * @throws an error whose message says what failed; nothing is asked for without a hash, and nothing
 *   is unpacked unless it is right.
 */
export async function downloadRelease(options: DownloadOptions): Promise<string> {
  const { version, directory, onProgress } = options
  const { hashes = RELEASE_HASHES, releasesUrl = RELEASES_URL } = options
  const folder = folderOf(version)
  const wanted = hashes[version]?.[folder]
  if (wanted === undefined) {
    throw new Error(
      `nats/binary/release-hashes.ts has no hash of ${folder}, so it is not downloaded (nats/README.md)`,
    )
  }
  onProgress(
    `fetching nats-server ${version} from ${new URL(releasesUrl).host}; once, some 10 MB …`,
  )
  const archive = await fetchFile(`${releasesUrl}/v${version}/${folder}.tar.gz`, ARCHIVE_MS)
  const found = createHash('sha256').update(archive).digest('hex')
  if (found !== wanted) throw new Error(`the archive's hash is ${found}, not ${wanted}`)
  const file = join(directory, 'nats-server.tar.gz')
  writeFileSync(file, archive)
  await run('tar', ['-xzf', file, '-C', directory])
  return join(directory, folder, 'nats-server')
}
