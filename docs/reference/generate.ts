/** Writes what is made of the code itself: reference pages and dashboards. Run by `npm run docs`. */
import { writeFileSync } from 'node:fs'
import { DASHBOARDS, dashboardText } from '#deploy/grafana/source/all.ts'
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
for (const dashboard of DASHBOARDS) {
  const file = `deploy/grafana/dashboards/${dashboard.uid}.json`
  writeFileSync(file, dashboardText(dashboard))
  process.stdout.write(`${file} written\n`)
}
