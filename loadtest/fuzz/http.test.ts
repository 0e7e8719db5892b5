import { expect, it } from 'vitest'
import { startHttpTarget } from './http.ts'
import { runLive } from './live/run.ts'

it('Scytale, Caduceus, Themis and Petasos outlive hostile requests and answer none with 500', async () => {
  const seed = 1 + (Date.now() % 2 ** 31)
  process.stdout.write(`fuzz seed ${seed}\n`)
  await using target = await startHttpTarget()
  const report = await runLive(target, { seed, countMax: 512, durationMs: 10_000 })
  expect(report.cases).toBe(512)
}, 120_000)
