/**
 * Writes `docs/reference/configuration.md` from the apps' own schemas; with `--check` only says
 * whether it is up to date. Run by `npm run docs`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { configurationPage } from './configuration.ts'

const file = new URL('configuration.md', import.meta.url)
const page = configurationPage()

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== page) {
    process.stderr.write('docs/reference/configuration.md is stale: run "npm run docs"\n')
    process.exitCode = 1
  }
} else {
  writeFileSync(file, page)
  process.stdout.write('docs/reference/configuration.md written\n')
}
