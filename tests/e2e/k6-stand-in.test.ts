import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createK6, type K6, type K6Result } from '#tests/support/k6/k6.ts'

/** A script with one iteration, whose function is `body`. */
const scriptOf = ({ body = '', imports = '', options = '' }): string => `
  import { Counter, Rate, Trend } from 'k6/metrics'
  ${imports}
  const counter = new Counter('things'), rate = new Rate('goods'), trend = new Trend('times', true)
  export const options = {
    scenarios: { main: { executor: 'per-vu-iterations', exec: 'main', vus: 1, iterations: 1 } },
    summaryTrendStats: ['avg', 'med', 'p(95)', 'max'],
    thresholds: { ${options} },
  }
  export async function main(): Promise<void> { ${body} }
  export const handleSummary = (data: { metrics: unknown }) => ({ stdout: JSON.stringify(data.metrics) })
`

describe('the stand-in for k6', { timeout: 120_000 }, () => {
  let k6: K6
  const directory = mkdtempSync(join(tmpdir(), 'k6-stand-in-'))
  const run = async (script: string): Promise<K6Result> => {
    const file = join(directory, 'script.ts')
    writeFileSync(file, script)
    return k6.run(file, {})
  }
  beforeAll(() => void (k6 = createK6('')))
  afterAll(() => {
    k6[Symbol.dispose]()
    rmSync(directory, { recursive: true })
  })

  it('ends with 0 when all thresholds are kept, and with 99 when one is not', async () => {
    const body = `counter.add(2); rate.add(true); rate.add(false); for (const ms of [1, 2, 3, 4]) trend.add(ms)`
    const kept = await run(
      scriptOf({
        body,
        options: `things: ['count==2'], goods: ['rate>=0.5'], times: ['p(95)<=4', 'med==2.5']`,
      }),
    )
    expect(kept).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(kept.stdout)).toMatchObject({
      things: { type: 'counter', values: { count: 2 }, thresholds: { 'count==2': { ok: true } } },
      goods: { type: 'rate', values: { rate: 0.5, passes: 1, fails: 1 } },
      times: { type: 'trend', values: { avg: 2.5, med: 2.5, max: 4 } },
    })
    for (const options of [`things: ['count<2']`, `goods: ['rate==1']`, `times: ['max<4']`]) {
      expect((await run(scriptOf({ body, options }))).code).toBe(99)
    }
  })

  it('passes over the threshold of a measure without a value, as k6 does', async () => {
    expect((await run(scriptOf({ options: `goods: ['rate==1'], things: ['count>5']` }))).code).toBe(
      0,
    )
  })

  it('has no name that only Node or a browser has', async () => {
    const names = ['Buffer', 'process', 'setTimeout', 'URL', 'TextEncoder', 'fetch', 'WebSocket']
    const body = `for (const name of ${JSON.stringify(names)}) counter.add(Number(name in globalThis))`
    expect((await run(scriptOf({ body, options: `things: ['count==0']` }))).code).toBe(0)
    const imports = `import 'node:fs'`
    expect(await run(scriptOf({ imports }))).toMatchObject({
      code: 107,
      stderr: expect.stringContaining('no module node:fs') as string,
    })
  })

  it('refuses a threshold on what is not measured', async () => {
    const { code, stderr } = await run(scriptOf({ options: `thing: ['count>0']` }))
    expect(code).toBe(104)
    expect(stderr).toContain('a threshold is set on thing')
  })

  it('ends an iteration that throws, tells it, and goes on', async () => {
    const timers = `import { setTimeout } from 'k6/timers'`
    for (const body of [
      `throw new Error('broken')`,
      `setTimeout(() => { throw new Error('broken') }, 1)`,
    ]) {
      const result = await run(scriptOf({ body: `counter.add(1); ${body}`, imports: timers }))
      expect(result.code).toBe(0)
      expect(result.stderr).toContain('broken')
      expect(JSON.parse(result.stdout)).toMatchObject({ things: { values: { count: 1 } } })
    }
  })

  it('waits for the timers of an iteration, but not for what is over', async () => {
    const imports = `import { setTimeout } from 'k6/timers'`
    const body = `setTimeout(() => { counter.add(1); setTimeout(() => counter.add(1), 10) }, 10)`
    const result = await run(scriptOf({ body, imports, options: `things: ['count==2']` }))
    expect(result.code).toBe(0)
  })

  it('leaves out calls for which no VU is free', async () => {
    const imports = `import { setTimeout } from 'k6/timers'`
    const script = scriptOf({
      imports,
      options: `dropped_iterations: ['count>0'], things: ['count==1']`,
    })
      .replace(
        /scenarios: .*/,
        `scenarios: { main: { executor: 'constant-arrival-rate', exec: 'main', rate: 20, timeUnit: '1s', duration: '500ms', preAllocatedVUs: 1 } },`,
      )
      .replace(
        'Promise<void> {',
        'Promise<void> { counter.add(1); await new Promise<void>((done) => setTimeout(done, 700));',
      )
    expect(await run(script)).toMatchObject({ code: 0, stderr: '' })
  })
})
