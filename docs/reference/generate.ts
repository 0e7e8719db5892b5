/** Writes the reference pages that are made of the code itself. Run by `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { configurationPage } from './configuration.ts'
import { metricsReferencePage } from './metrics.ts'

const pages = {
  'configuration.md': configurationPage(),
  'metrics.md': metricsReferencePage(),
}
for (const [name, page] of Object.entries(pages)) {
  writeFileSync(new URL(name, import.meta.url), page)
  process.stdout.write(`docs/reference/${name} written\n`)
}
