import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

/** Makes objects of which some live on, as connects do, and prints what the space of new ones takes. */
const STORM = `
import { getHeapSpaceStatistics } from 'node:v8'
const kept = []
for (let index = 0; index < 2_000_000; index += 1) {
  const made = { index, text: 'device ' + index }
  if (index % 10 === 0) kept.push(made)
}
const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')
process.stdout.write(String(space.space_size / 2 ** 20))
`

const newSpaceMiBAfter = (code: string): number =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }))

describe("the heap of Talaria's process", () => {
  it('has a small space for new objects, also after many were made at once', () => {
    expect(newSpaceMiBAfter(`await import('#apps/talaria/heap.ts')\n${STORM}`)).toBeLessThan(4)
    // What it would be otherwise; if that is no more so, the setting can go.
    expect(newSpaceMiBAfter(STORM)).toBeGreaterThan(8)
  })
})
