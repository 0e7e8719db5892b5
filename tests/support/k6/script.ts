/**
 * A script as one VU has it: in a world of its own with the language alone and what k6 adds to it,
 * so that a name that only Node or a browser has is not there.
 */
import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  createContext,
  SourceTextModule,
  SyntheticModule,
  type Context,
  type Module,
} from 'node:vm'
import { k6Modules } from './modules.ts'
import type { Metrics } from './metrics.ts'
import type { Vu } from './vu.ts'

/** What a script exports, as far as the stand-in asks. */
export type ScriptExports = Readonly<Record<string, unknown>>

/** The run ends with this code, which is k6's for it. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
  readonly code = 'SCRIPT_FAILED'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** Loads a script for one VU. @throws what it throws while it is loaded. */
export async function loadScript(
  file: string,
  environment: Readonly<Record<string, string>>,
  vu: Vu,
  metrics: Metrics,
): Promise<ScriptExports> {
  const context = createContext({
    __ENV: { ...environment },
    console: {
      log: (...values: unknown[]) => process.stderr.write(`INFO ${values.join(' ')}\n`),
      warn: (...values: unknown[]) => process.stderr.write(`WARN ${values.join(' ')}\n`),
      error: (...values: unknown[]) => process.stderr.write(`ERRO ${values.join(' ')}\n`),
    },
    open: (path: string) => {
      if (!vu.isInit) throw new Error('open() is there only while a script is loaded')
      return readFileSync(resolve(dirname(file), path), 'utf8')
    },
  })
  const loaded = new Map<string, Module>()
  const provided = k6Modules(vu, metrics)
  const load = (specifier: string, from: string): Module => {
    const url = specifier.startsWith('.') ? new URL(specifier, from).href : specifier
    const module = loaded.get(url) ?? loadOne(url, context, provided)
    loaded.set(url, module)
    return module
  }
  const main = load(pathToFileURL(file).href, '')
  await main.link((specifier, referencing) => load(specifier, referencing.identifier))
  await main.evaluate()
  vu.isInit = false
  return main.namespace as ScriptExports
}

/** Without their types, by URL: each VU loads the same files. */
const sources = new Map<string, string>()

function loadOne(
  url: string,
  context: Context,
  provided: Readonly<Record<string, Record<string, unknown>>>,
): Module {
  if (url.startsWith('file:')) {
    const source =
      sources.get(url) ?? stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8'))
    sources.set(url, source)
    return new SourceTextModule(source, { context, identifier: url })
  }
  const exports = provided[url]
  if (!exports) throw new Error(`the stand-in has no module ${url}`)
  return new SyntheticModule(
    Object.keys(exports),
    function setExports(this: SyntheticModule) {
      for (const [name, value] of Object.entries(exports)) this.setExport(name, value)
    },
    { context, identifier: url },
  )
}
