/** Bytes to a TCP port, and what comes back, without any client that would correct them. */
import { createConnection } from 'node:net'

/** How long an answer may take on a loaded machine. */
const ANSWER_MS = 30_000

/** More of an answer than this is not kept. */
const KEPT_BYTES_MAX = 64 * 1_024

/** What became of it. */
export interface Exchanged {
  /** The first status line's; undefined where the connection was closed without any. */
  status: number | undefined
  head: string
  isTimeout: boolean
}

/**
 * Sends, and resolves when an answer has begun, the connection was closed, or nothing came for long.
 * `isCut` ends our side after the bytes: whoever waits for more of them then knows.
 */
export function exchange(
  url: string,
  bytes: string | Uint8Array,
  { isCut = false }: { isCut?: boolean } = {},
): Promise<Exchanged> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) })
    let head = ''
    const settle = (isTimeout: boolean): void => {
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? []
      socket.destroy()
      resolve({ status: status === undefined ? undefined : Number(status), head, isTimeout })
    }
    socket.setTimeout(ANSWER_MS, () => settle(true))
    socket.on('error', () => undefined)
    socket.on('close', () => settle(false))
    socket.on('data', (chunk) => {
      if (head.length < KEPT_BYTES_MAX) head += chunk.toString('latin1')
      // 100 Continue is not the answer yet.
      head = head.replace(/^HTTP\/1\.1 1(?!01)\d\d [^]*?\r\n\r\n/, '')
      if (head.includes('\r\n\r\n')) settle(false)
    })
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    if (isCut) socket.end()
  })
}
