import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectory } from './make-directory.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'make-'))))
afterEach(() => rmSync(directory, { recursive: true }))

describe('a directory', () => {
  it('is made with those above it, and again without complaint', () => {
    const path = join(directory, 'a', 'b')
    for (let count = 0; count < 2; count += 1) makeDirectory(path, 0o700)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(directory, 'a')).mode & 0o777).toBe(0o700)
  })

  it('is a definite error where there can be none', () => {
    expect(() => makeDirectory('/proc/nope/deeper')).toThrow('/proc/nope')
    const file = join(directory, 'file')
    writeFileSync(file, '')
    expect(() => makeDirectory(file)).toThrow('is no directory')
    expect(() => makeDirectory(join(file, 'below'))).toThrow(file)
    symlinkSync(join(directory, 'nowhere'), join(directory, 'link'))
    expect(() => makeDirectory(join(directory, 'link'))).toThrow('link')
  })
})
