/** Which modules of a package a process loads, seen by Node's own hooks and not by a guess. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What is looked at of one process. */
export interface LoadedModules extends Disposable {
  /** For the process' environment. */
  readonly environment: Readonly<Record<string, string>>
  /** Those loaded so far. */
  urls(): string[]
}

/** Prepares to look at the modules whose URL fits `pattern`. */
export function watchModules(pattern: RegExp): LoadedModules {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-modules-'))
  const list = join(directory, 'list')
  const hook = join(directory, 'hook.mjs')
  writeFileSync(
    hook,
    `import { appendFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
registerHooks({
  load(url, context, next) {
    if (${String(pattern)}.test(url)) appendFileSync(${JSON.stringify(list)}, url + '\\n')
    return next(url, context)
  },
})
`,
  )
  return {
    environment: { NODE_OPTIONS: `--import file://${hook}` },
    urls: () =>
      existsSync(list)
        ? readFileSync(list, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
        : [],
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  }
}
