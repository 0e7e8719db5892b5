/**
 * Which lines of the scripts ran. Each VU has its own copy of a script, so a place counts as run
 * when it ran in any of them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

interface CoveredRange {
  startOffset: number
  endOffset: number
  count: number
}

interface CoveredScript {
  url: string
  functions: { ranges: CoveredRange[] }[]
}

/**
 * Starts to count, if there is a directory for it.
 * @returns what writes the counts there.
 */
export async function startCoverage(directory: string | undefined): Promise<() => Promise<void>> {
  if (!directory) return async () => {}
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  return async () => {
    const { result } = await session.post('Profiler.takePreciseCoverage')
    const scripts = result.filter(({ url }) => url.includes('/loadtest/k6/'))
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, `${process.pid}.json`), JSON.stringify(scripts))
  }
}

/** The lines of a script with something in them that never ran, as `12: text`. */
export function linesNeverRun(directory: string, script: string): string[] {
  const url = pathToFileURL(script).href
  const text = stripTypeScriptTypes(readFileSync(script, 'utf8'))
  const hasRun = new Uint8Array(text.length)
  for (const file of readdirSync(directory)) {
    const scripts = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CoveredScript[]
    for (const each of scripts) if (each.url === url) markRun(hasRun, each)
  }
  let offset = 0
  return text.split('\n').flatMap((line, index) => {
    const start = offset
    offset += line.length + 1
    const isMissing = Array.from(line).some(
      // A bracket after a return is "never run" to V8.
      (character, column) => !/[\s{}()[\];,]/.test(character) && hasRun[start + column] === 0,
    )
    return isMissing && !/^\s*(\/\/|\/?\*)/.test(line) ? [`${index + 1}: ${line.trim()}`] : []
  })
}

/** Ranges are nested, the inner ones after the outer ones, and the innermost says it. */
function markRun(hasRun: Uint8Array, { functions }: CoveredScript): void {
  const isRun = new Uint8Array(hasRun.length)
  for (const { startOffset, endOffset, count } of functions.flatMap(({ ranges }) => ranges)) {
    isRun.fill(count > 0 ? 1 : 0, startOffset, endOffset)
  }
  for (const [index, value] of isRun.entries()) if (value === 1) hasRun[index] = 1
}
