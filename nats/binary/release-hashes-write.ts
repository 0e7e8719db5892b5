/**
 * `node nats/binary/release-hashes-write.ts 2.15.2`: prints a release's hashes, as `release-hashes.ts` has
 * them. They come from the release itself, so whoever puts them into the repository compares them
 * with what came by another way first: another network, a package manager, a build of one's own.
 */
import { fetchFile, RELEASES_URL } from './release.ts'

const CHECKSUMS_MS = 10_000

/** The hashes of all archives of a release. @throws what {@link fetchFile} does, or when there are none. */
export async function releaseHashes(
  version: string,
  releasesUrl = RELEASES_URL,
): Promise<Record<string, string>> {
  const file = await fetchFile(`${releasesUrl}/v${version}/SHA256SUMS`, CHECKSUMS_MS)
  const lines = new TextDecoder().decode(file).matchAll(/^([0-9a-f]{64}) [ *](\S+)\.tar\.gz$/gm)
  const hashes = Object.fromEntries([...lines].map(([, hash = '', folder = '']) => [folder, hash]))
  if (Object.keys(hashes).length === 0) throw new Error(`the release ${version} lists no archive`)
  return hashes
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2)
  if (!/^\d+\.\d+\.\d+$/.test(version)) {
    process.stderr.write(
      'usage: node nats/binary/release-hashes-write.ts VERSION, such as 2.15.2\n',
    )
    process.exit(1)
  }
  const hashes = await releaseHashes(version)
  process.stdout.write(`${JSON.stringify({ [version]: hashes }, null, 2)}\n`)
}
