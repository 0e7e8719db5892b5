/** The last good list of Talarias on disk, from which Petasos serves when it starts without NATS. */
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Logger } from '#libs/log/logger.ts'
import { talariaEntry, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'

/** Changes of one moment, such as a fleet of Talarias that starts, are written once. */
const WRITE_AFTER_MS = 200

const list = z.record(z.string(), talariaEntry)

/** Keeps the file. Disposing it writes what is not written yet. */
export interface ListFile extends AsyncDisposable {
  /** The list has changed. An empty one is not kept: it helps nobody. */
  keep(talarias: ReadonlyMap<string, TalariaEntry>): void
}

/** What is in the file; undefined when there is none or it cannot be read, which is logged. */
export function readListFile(
  file: string,
  log: Logger,
): ReadonlyMap<string, TalariaEntry> | undefined {
  if (file === '') return undefined
  try {
    return new Map(Object.entries(list.parse(JSON.parse(readFileSync(file, 'utf8')))))
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    if (!isMissing) log.warn({ file, error: String(error) }, 'the list on disk cannot be read')
    return undefined
  }
}

/** Opens the file for writing; with an empty name nothing is kept. */
export function openListFile(file: string, log: Logger): ListFile {
  let latest: ReadonlyMap<string, TalariaEntry> | undefined
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()
  const write = async (): Promise<void> => {
    timer = undefined
    if (!latest) return
    const text = JSON.stringify(Object.fromEntries(latest))
    latest = undefined
    try {
      // Whole or not at all: a Petasos that is killed meanwhile leaves the list before.
      await writeFile(`${file}.new`, text)
      await rename(`${file}.new`, file)
    } catch (error) {
      log.warn({ file, error: String(error) }, 'the list cannot be kept on disk')
    }
  }
  const writeNext = (): Promise<void> => (writing = writing.then(write))
  return {
    keep(talarias) {
      if (file === '' || talarias.size === 0) return
      latest = new Map(talarias)
      timer ??= setTimeout(() => void writeNext(), WRITE_AFTER_MS)
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      await writeNext()
    },
  }
}
