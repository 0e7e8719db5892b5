import { expect, it } from 'vitest'
import { runLive } from './live/run.ts'
import { startTalariaTarget } from './talaria.ts'

it('a Talaria outlives some thousand hostile frames, upgrades and answers, and so do its devices', async () => {
  const seed = 1 + (Date.now() % 2 ** 31)
  process.stdout.write(`fuzz seed ${seed}\n`)
  await using target = await startTalariaTarget()
  const report = await runLive(target, { seed, countMax: 64, durationMs: 10_000 })
  expect(report.cases).toBe(64)
  expect(report.units).toBeGreaterThan(500)
}, 120_000)
