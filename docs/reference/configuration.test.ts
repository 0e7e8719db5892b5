import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { configurationPage } from './configuration.ts'

describe('the configuration page', () => {
  it('is what the schemas say (npm run docs writes it anew)', () => {
    const page = readFileSync(new URL('configuration.md', import.meta.url), 'utf8')
    expect(page).toBe(configurationPage())
  })

  it('has a sentence about every variable', () => {
    const rows = configurationPage()
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(30)
    for (const row of rows) expect(row).not.toMatch(/\| {2}\|$|\| \|$/)
  })
})
