/** The id of one session: a KSUID, as upstream's is, so that ids sort by the second they began in. */
import { randomBytes } from 'node:crypto'

/** KSUID counts seconds from here: 2014-05-13T16:53:20Z. */
const EPOCH_SECONDS = 1_400_000_000

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 20 bytes in base 62, with leading zeros. */
const LENGTH = 27

/** A new id of 27 letters and digits. */
export function createSessionId(nowMs = Date.now()): string {
  const bytes = randomBytes(20)
  bytes.writeUInt32BE((Math.floor(nowMs / 1_000) - EPOCH_SECONDS) >>> 0)
  let value = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  while (text.length < LENGTH) {
    text = (ALPHABET[Number(value % 62n)] ?? '0') + text
    value /= 62n
  }
  return text
}
