/** Files with secrets in them. */
import { renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { makeDirectory } from '#libs/files/make-directory.ts'

/** Writes a file whole or not at all, and for its owner's eyes only. */
export function writePrivate(file: string, text: string): void {
  makeDirectory(dirname(file), 0o700)
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, text, { mode: 0o600, flush: true })
  renameSync(temporary, file)
}
