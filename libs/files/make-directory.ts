/** Directories that a person or a setting names. */
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory and those above it that are missing; one that is there stays as it is. Node's own
 * way to do that never returns where the kernel takes no directory, such as below `/proc`.
 * @param mode of those that are made.
 * @throws the system's error, which names the directory that cannot be made.
 */
export function makeDirectory(path: string, mode = 0o777): void {
  const missing: string[] = []
  // The root is always there.
  for (let at = resolve(path); !existsSync(at); at = dirname(at)) missing.unshift(at)
  for (const directory of missing) {
    try {
      mkdirSync(directory, { mode })
    } catch (error) {
      // Somebody else made it meanwhile, unless it is a link that leads nowhere.
      const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && existsSync(directory)
      if (!isThere) throw error
    }
  }
  if (!statSync(path).isDirectory()) throw new Error(`${path} is no directory`)
}
