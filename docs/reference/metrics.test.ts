import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { metricsReferencePage } from './metrics.ts'

it('the metrics page is what the registries have (npm run docs writes it anew)', async () => {
  const page = readFileSync(new URL('metrics.md', import.meta.url), 'utf8')
  expect(page).toBe(await metricsReferencePage())
})
