/** What the releases of nats-server are called, and how a part of one is fetched. */
import { arch, platform } from 'node:process'

/** Where they are. */
export const RELEASES_URL = 'https://github.com/nats-io/nats-server/releases/download'

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

/** An archive is some 10 MB; what is much larger is none. */
const BYTES_MAX = 64 * 1024 * 1024

/** The folder in this machine's archive, which is also the archive's name. @throws where there is none. */
export function folderOf(version: string): string {
  const system = PLATFORMS[platform]
  const architecture = ARCHITECTURES[arch]
  if (!system || !architecture) throw new Error(`there is no archive for ${platform} ${arch}`)
  return `nats-server-v${version}-${system}-${architecture}`
}

/** Fetches a file, within a time and a size. @throws an error whose message says what failed. */
export async function fetchFile(url: string, timeoutMs: number): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch(
    (error: unknown) => {
      const cause = (error as Error).cause
      const why = cause instanceof Error ? cause.message : String(error)
      throw new Error(`${new URL(url).host} cannot be reached (${why})`, { cause: error })
    },
  )
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  const chunks: Uint8Array[] = []
  let byteCount = 0
  for await (const chunk of response.body ?? []) {
    byteCount += chunk.length
    if (byteCount > BYTES_MAX) throw new Error(`${url} is over ${BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
