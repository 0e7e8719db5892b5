import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const directory = 'loadtest/k6'

it('the page names each variable that a script reads, and no other', () => {
  const read = readdirSync(directory)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .flatMap((file) => [
      ...readFileSync(`${directory}/${file}`, 'utf8').matchAll(
        /\b(?:text|number|count|address|credential)Of\(\s*'([A-Z_]+)'/g,
      ),
    ])
    .map(([, name]) => name)
  const table = readFileSync(`${directory}/README.md`, 'utf8').match(/\| variable[\s\S]*?\n\n/)?.[0]
  const told = [...(table ?? '').matchAll(/^\| ((?:`[A-Z_]+` ?)+)\|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
  )
  expect(read.length).toBeGreaterThan(20)
  expect(new Set(told)).toEqual(new Set(read))
})
