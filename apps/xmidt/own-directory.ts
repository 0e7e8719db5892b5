/**
 * Whether a directory is this user's own. What lies in it is believed (passwords, keys, where the
 * fabric is), so whoever else could write there would choose all of that.
 */
import { lstatSync, statSync, type Stats } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { UserError } from './failure.ts'

const WRITABLE_BY_OTHERS = 0o022
const ANYTHING_BY_OTHERS = 0o077
const WRITABLE_BY_ALL = 0o002
/** Entries of such a directory are their owners': /tmp. */
const STICKY = 0o1000

/**
 * Checks a directory that is there, and those of its `secretFiles` that are.
 * @throws {UserError} with what is wrong and what to do.
 */
export function requireOwnDirectory(directory: string, secretFiles: readonly string[]): void {
  // Windows has neither users nor modes in this sense.
  const uid = process.getuid?.()
  if (uid === undefined) return
  const path = resolve(directory)
  // A link must be the user's own too, or whoever made it decides where it leads.
  if (lstatSync(path).uid !== uid || statSync(path).uid !== uid) {
    throw refused(path, 'belongs to another user', NAME_ANOTHER)
  }
  if (statSync(path).mode & WRITABLE_BY_OTHERS) {
    throw refused(path, 'can be written by others', `Look what is in it, then: chmod go-w ${path}`)
  }
  for (let at = dirname(path); ; at = dirname(at)) {
    const { mode } = statSync(at)
    if (mode & WRITABLE_BY_ALL && !(mode & STICKY)) {
      throw refused(path, `can be replaced by anybody, as ${at} is open to all`, NAME_ANOTHER)
    }
    if (at === dirname(at)) break
  }
  for (const name of secretFiles) requireOwnFile(join(path, name), uid)
}

const NAME_ANOTHER = 'Name another: npm start -- --directory ~/.xmidt'

function requireOwnFile(path: string, uid: number): void {
  const stats: Stats | undefined = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return
  if (!stats.isFile() || stats.uid !== uid) {
    const start = 'Remove it, or make everything anew: npm start -- --fresh'
    throw refused(path, 'is no file of yours', start)
  }
  if (stats.mode & ANYTHING_BY_OTHERS) {
    const advice = `If nobody else has touched it: chmod 600 ${path}`
    throw refused(path, 'holds secrets and is open to others', advice)
  }
}

const refused = (path: string, why: string, advice: string): UserError =>
  new UserError(`${path} ${why}, so what is in it cannot be believed.\n${advice}`)
