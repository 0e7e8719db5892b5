import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/** Makes objects of which some live on, as connects do; what the space of new ones takes. */
const BEGIN = `
import { setTimeout as wait } from 'node:timers/promises'
import { getHeapSpaceStatistics } from 'node:v8'
const kept = []
const storm = () => {
  for (let index = 0; index < 2_000_000; index += 1) {
    const made = { index, text: 'device ' + index }
    if (index % 10 === 0) kept.push(made)
  }
}
const newSpaceMiB = () =>
  getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size / 2 ** 20
const print = () => process.stdout.write(newSpaceMiB() + ' ')
`

const HEAP = "const { letNewSpaceGrow } = await import('#apps/talaria/heap/new-space.ts');"
const SMALL = "await import('#apps/talaria/heap/keep-small.ts');"

const printed = (code: string): number[] =>
  execFileSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', `${BEGIN}\n${code}`],
    { encoding: 'utf8' },
  )
    .trim()
    .split(' ')
    .map(Number)

describe("the heap of Talaria's process", () => {
  it('has a small space for new objects, also after many were made at once', () => {
    expect(printed(`${SMALL}storm(); print()`)[0]).toBeLessThan(4)
    // What it would be otherwise; if that is no more so, the setting can go.
    expect(printed('storm(); print()')[0]).toBeGreaterThan(8)
  })

  it('has a larger one when it is let grow, and a small one again when it is quiet', () => {
    // Once little is made for a while, the collections that come then make it small.
    const quiet =
      'for (let n = 0; n < 100 && newSpaceMiB() > 4; n += 1) { await wait(50); gc({ type: "minor" }) }'
    const code = `letNewSpaceGrow(true); storm(); print()
letNewSpaceGrow(false); ${quiet}; print(); storm(); print()`
    const [grown, calm, again] = printed(`${SMALL}${HEAP}${code}`)
    expect(grown).toBeGreaterThan(8)
    expect(calm).toBeLessThan(4)
    expect(again).toBeLessThan(4)
  })

  it('is kept small first of all where Talaria is a process of its own', () => {
    const [first] = readFileSync('apps/talaria/main.ts', 'utf8').match(/^import .*/m) ?? []
    expect(first).toBe("import './heap/keep-small.ts'")
  })

  it('is as V8 has it where it is not kept small, whatever the rate of events', () => {
    expect(printed(`${HEAP}letNewSpaceGrow(false); storm(); print()`)[0]).toBeGreaterThan(8)
  })
})
