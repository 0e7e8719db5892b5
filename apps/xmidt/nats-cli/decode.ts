/**
 * `xmidt decode`: the WRP on standard input as a line of JSON. `nats sub --translate` and `nats
 * stream view --translate` start it for each message, so it loads little.
 */
import type { Readable } from 'node:stream'
import { UserError } from '#apps/xmidt/failure.ts'
import { readableOf } from './readable.ts'

/** No message of the fabric is near it: NATS itself takes little more than 1 MiB. */
const INPUT_BYTES_MAX = 16 * 1024 * 1024

/** What `decode` was told. */
export interface DecodeOptions {
  /** What is no WRP is no error. */
  isAnyTaken: boolean
}

/**
 * Prints the line and resolves with the exit code: 1 for what is no WRP, which is shown all the
 * same, and on standard output: `--translate` shows nothing else of a message.
 * @throws {UserError} when there is no input or too much of it.
 */
export async function decode({ isAnyTaken }: DecodeOptions): Promise<number> {
  if (process.stdin.isTTY) {
    throw new UserError(
      'decode reads a WRP from standard input, as in\n' +
        "  nats sub --translate 'xmidt decode' 'xmidt.event.>'",
    )
  }
  const { line, isWrp } = await readableOf(await readAll(process.stdin))
  process.stdout.write(`${line}\n`)
  return isWrp || isAnyTaken ? 0 : 1
}

async function readAll(input: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > INPUT_BYTES_MAX) {
      throw new UserError(`the input is over ${INPUT_BYTES_MAX} bytes, which no WRP is`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
