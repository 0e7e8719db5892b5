/**
 * The recipes of a page: commands as one types them, each with what it printed. A test takes both
 * from the page itself, so that what people read is what was run.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually.ts'

/** One command of a page. */
export interface Recipe {
  /** The heading that it stands under. */
  title: string
  command: string
  /** What the page shows of it; the last line `^C` where it goes on until somebody ends it. */
  output: string
}

/** What a command came to. */
export interface RecipeRun {
  output: string
  code: number | null
}

/** What a page's last line of a command is that goes on. */
const INTERRUPTED = '^C'

/** Longer takes none of them. */
const RUN_MS = 30_000

/** The recipes of the `console` blocks of a page, in order. */
export function recipesOf(page: string): Recipe[] {
  const recipes: Recipe[] = []
  let title = ''
  let isInside = false
  for (const line of page.split('\n')) {
    const recipe = recipes.at(-1)
    if (!isInside && line.startsWith('#')) title = line.replace(/^#+ /, '')
    else if (line.startsWith('```')) isInside = line === '```console'
    else if (isInside && line.startsWith('$ ')) {
      recipes.push({ title, command: line.slice(2), output: '' })
    } else if (isInside && recipe) recipe.output += `${line}\n`
  }
  return recipes
}

/** The page with what the commands have printed now. */
export function withOutputs(page: string, outputs: readonly string[]): string {
  const lines: string[] = []
  let index = -1
  let isInside = false
  for (const line of page.split('\n')) {
    if (line.startsWith('```')) isInside = line === '```console'
    const isCommand = isInside && line.startsWith('$ ')
    if (!isInside || isCommand || line === '```console') lines.push(line)
    if (isCommand) lines.push(...(outputs[(index += 1)] ?? '').split('\n').slice(0, -1))
  }
  return lines.join('\n')
}

/** Why no command can be run as in a terminal here; undefined where it can. */
export function terminalFault(): string | undefined {
  const { status } = spawnSync('script', ['--version'])
  return status === 0 ? undefined : 'there is no script(1) of util-linux, which makes a terminal'
}

/** Runs a command as in a terminal, with nobody who answers it. */
export async function runRecipe(
  { command, output: shown }: Recipe,
  environment: Readonly<Record<string, string>>,
): Promise<RecipeRun> {
  // `script` (util-linux) is the terminal that some commands ask for.
  const inTerminal = `stty cols 240 rows 60; ${command}`
  const child = spawn('script', ['-qefc', inTerminal, '/dev/null'], {
    cwd: environment.HOME,
    env: { ...environment, TERM: 'xterm', SHELL: '/bin/bash' },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: RUN_MS,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdin.on('error', () => undefined)
  const closed = once(child, 'close')
  if (shown.trimEnd().endsWith(INTERRUPTED)) {
    const wanted = shapeOf(shown).filter((line) => line !== INTERRUPTED)
    await eventually(
      () => {
        const found = shapeOf(output)
        const missing = wanted.filter((line) => !found.includes(line))
        if (found.length === 0 || missing.length > 0) {
          throw new Error(`it does not print: ${missing.join('\n')}`)
        }
      },
      { withinMs: RUN_MS },
    )
    child.stdin.write('\u0003')
  }
  await closed
  return { output: cleaned(output), code: child.exitCode }
}

/** What a terminal shows, without colours. */
function cleaned(output: string): string {
  const lines = output
    .replaceAll(/\u001b(\[[0-9;?]*[A-Za-z]|[78])/g, '')
    .replaceAll('\r', '')
    .split('\n')
    .map((line) => line.trimEnd())
  return `${lines
    .join('\n')
    .replaceAll(/\n{2,}/g, '\n\n')
    .trim()}\n`
}

/** What differs from run to run, and what it becomes. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( \+\d{4})?( UTC|Z)?/g, '<time>'],
  [/\b\d\d:\d\d:\d\d\b/g, '<time>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b/g, '<id>'],
  [/\b[0-9a-f]{16,64}\b/g, '<id>'],
  [/(?<=_)[0-9a-f]{16}\b/g, '<id>'],
  // An inbox, and which of its replies: the client's own numbers have eight signs, ours are counted.
  [/\b(_INBOX_\w+)\.[A-Za-z0-9]{22}\.[A-Za-z0-9]{1,8}\b/g, '$1.<id>'],
  [/\b[A-Za-z0-9]{22,27}\b(\.[A-Za-z0-9]{8}\b)?/g, '<id>'],
  [/(?:\d[\d,.]*(?:ns|µs|us|ms|s|m|h|d)\b)+/g, '<n>'],
  [/\d[\d,.]*\s*(?:[KMG]i)?B(?:\/sec)?/g, '<n>'],
  [/\d[\d,.]*/g, '<n>'],
  [/[─┬┴┼├┤╭╮╰╯]+/g, '─'],
  [/\s+/g, ' '],
]

/** The lines of an output without what differs from run to run, each once, in order of the alphabet. */
export function shapeOf(output: string): string[] {
  const lines = cleaned(output)
    .split('\n')
    .map((line) => VARIABLE.reduce((text, [found, shown]) => text.replaceAll(found, shown), line))
    .map((line) => line.trim())
    // Said or not, as the refusal or the end of the command comes first.
    .filter((line) => line !== '' && !line.includes('>>> Unexpected NATS error'))
  return [...new Set(lines)].toSorted()
}
