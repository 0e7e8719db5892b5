/** The rules of the house that no linter checks: style 5.11 and what CONTRIBUTING.md says. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'

const git = (...parameters: string[]): string[] =>
  execFileSync('git', parameters, { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')

/** What is in the repository or about to be. */
const files = git('ls-files', '--cached', '--others', '--exclude-standard').filter((file) =>
  existsSync(file),
)
const sources = files.filter((file) => file.endsWith('.ts'))
const texts = files.filter((file) => /\.(ts|md|json|ya?ml|rc)$/.test(file))

/** A name that says nothing about what is inside ends up holding everything. */
const NAMES_FORBIDDEN = [
  'utils',
  'helpers',
  'common',
  'misc',
  'manager',
  'service',
  'handler',
  'types',
  'index',
  'impl',
]

/** What every app has. */
const APP_FILES = ['main.ts', 'config.ts', 'app.ts', 'metrics.ts']

/** The command that people type is no server, and a service on a device has no port for metrics. */
const WITHOUT = [
  'apps/xmidt/config.ts',
  'apps/xmidt/app.ts',
  'apps/xmidt/metrics.ts',
  'apps/tr181/metrics.ts',
]

/** Where a file is on one person's machine means nothing on another's. */
const MACHINE_PATH = new RegExp(['/home/[a-z]', '/Users/[A-Za-z]', '/root/', '/work/'].join('|'))

describe('the house', () => {
  it('has the same four files in each app', () => {
    const apps = new Set(
      files.filter((file) => file.startsWith('apps/')).map((file) => file.split('/')[1] ?? ''),
    )
    expect(apps.size).toBeGreaterThan(1)
    const missing = [...apps]
      .flatMap((app) => APP_FILES.map((file) => `apps/${app}/${file}`))
      .filter((file) => !files.includes(file) && !WITHOUT.includes(file))
    expect(missing).toEqual([])
  })

  it("begins the name of each app's own variable with the app's", () => {
    const shared = ['NATS_URL', 'NATS_CA_FILE', 'LOG_LEVEL', 'SHUTDOWN_MS', 'CONNECTIONS_MAX']
    const strange = sources
      .filter((file) => /^apps\/[^/]+\/config\.ts$/.test(file))
      .flatMap((file) => {
        const prefix = `${(file.split('/')[1] ?? '').toUpperCase()}_`
        const names = [...readFileSync(file, 'utf8').matchAll(/^ {2}([A-Z][A-Z0-9_]*):/gm)]
        return names
          .map(([, name = '']) => name)
          .filter((name) => !name.startsWith(prefix) && !shared.includes(name))
      })
    expect(strange).toEqual([])
  })

  it('has no file whose name says nothing', () => {
    const isForbidden = (file: string): boolean =>
      NAMES_FORBIDDEN.includes(basename(file).split('.')[0] ?? '')
    // libs/config/common.ts holds the variables that are common to all apps, which it says.
    expect(sources.filter(isForbidden)).toEqual(['libs/config/common.ts'])
  })

  it('numbers its decisions without a gap', () => {
    const numbers = files
      .filter((file) => /^docs\/adr\/\d/.test(file))
      .map((file) => Number(basename(file).slice(0, 4)))
    expect(numbers.length).toBeGreaterThan(0)
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
  })

  it("begins each source file with a sentence about what it holds, save the tests'", () => {
    const without = sources
      .filter((file) => !file.endsWith('.test.ts') && file.includes('/'))
      .filter((file) => !/^(#![^\n]*\n)?\/\*\*/.test(readFileSync(file, 'utf8')))
    expect(without).toEqual([])
  })

  it('has no path of one machine in it', () => {
    const found = texts
      .filter((file) => file !== 'tests/tidy.test.ts' && file !== 'package-lock.json')
      .filter((file) => MACHINE_PATH.test(readFileSync(file, 'utf8')))
    expect(found).toEqual([])
  })

  it('has a lock file that fits whatever registry is configured', () => {
    expect(readFileSync('package-lock.json', 'utf8')).not.toContain('"resolved"')
  })

  it('has no TODO without the number of an issue', () => {
    const isOpen = (file: string): boolean =>
      /\b(TODO|FIXME|XXX)\b(?!.*#\d)/.test(readFileSync(file, 'utf8'))
    expect(sources.filter((file) => file !== 'tests/tidy.test.ts').filter(isOpen)).toEqual([])
  })
})
