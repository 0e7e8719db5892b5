import { expect, it } from 'vitest'
import { fuzzWrp } from './wrp.ts'

it('50,000 hostile inputs make messages or WrpErrors, and nothing else', () => {
  const seed = Date.now() % 2 ** 31
  process.stdout.write(`fuzz seed ${seed}\n`)
  const { cases } = fuzzWrp({ seed, casesMax: 50_000, durationMs: 60_000 })
  expect(cases).toBe(50_000)
})
