import { expect, it } from 'vitest'
import { runLive } from './live/run.ts'
import { startParodusTarget } from './parodus.ts'

it('a Parodus outlives hostile local services and a hostile fabric', async () => {
  const seed = 1 + (Date.now() % 2 ** 31)
  process.stdout.write(`fuzz seed ${seed}\n`)
  await using target = await startParodusTarget()
  const report = await runLive(target, { seed, countMax: 128, durationMs: 10_000 })
  expect(report.cases).toBe(128)
  expect(report.units).toBeGreaterThan(500)
}, 120_000)
