/**
 * Keeps what Node strips and compiles of this repository for the next start: that is more than half
 * of the time that a command takes until it does something. It is kept beside the packages, where
 * whoever could write could change those too; where nothing can be written, all is compiled anew.
 */
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/** Concerns what is imported from now on. `NODE_COMPILE_CACHE` and `NODE_DISABLE_COMPILE_CACHE` win. */
export function keepCompiled(): void {
  enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/compiled'))
}
