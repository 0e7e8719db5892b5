import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createRegistry } from './registry.ts'

const valueOf = (page: string, series: string): number | undefined => {
  const line = page.split('\n').find((each) => each.startsWith(`${series} `))
  return line === undefined ? undefined : Number(line.slice(series.length + 1))
}

describe('the registry of an app', () => {
  it('names the app and its version', async () => {
    const page = await createRegistry('caduceus').page()
    expect(page).toMatch(/^xmidt_build_info\{app="caduceus",version="\d+\.\d+\.\d+[^"]*"\} 1$/m)
  })

  it('shows zero for every combination of closed labels before anything was counted', async () => {
    const registry = createRegistry('x')
    const things = registry.counter('things_total', 'Things.', {
      kind: ['big', 'small'],
      outcome: ['kept', 'lost'],
    })
    things.inc({ kind: 'big', outcome: 'lost' }, 2)
    const page = await registry.page()
    expect(valueOf(page, 'xmidt_x_things_total{kind="big",outcome="lost"}')).toBe(2)
    expect(valueOf(page, 'xmidt_x_things_total{kind="small",outcome="kept"}')).toBe(0)
  })

  it('shows a histogram without observations, and no series for a label whose set is open', async () => {
    const registry = createRegistry('x')
    registry.histogram('wait_seconds', 'Waits.', [1, 2], { kind: ['big'] })
    registry.counter('answers_total', 'Answers.', { code: { open: 'a status' } })
    const page = await registry.page()
    expect(valueOf(page, 'xmidt_x_wait_seconds_count{kind="big"}')).toBe(0)
    expect(page).not.toContain('xmidt_x_answers_total{')
  })

  it("asks a gauge's own function at each look", async () => {
    const registry = createRegistry('x')
    let count = 1
    registry.gauge('things', 'Things.', {}, (gauge) => gauge.set(count))
    expect(valueOf(await registry.page(), 'xmidt_x_things')).toBe(1)
    count = 5
    expect(valueOf(await registry.page(), 'xmidt_x_things')).toBe(5)
  })
})

/**
 * Works for a while before anything is collected, as an app does that nobody looks at yet, then
 * shows its page between two looks at what the operating system says.
 */
const PROGRAM = `
import { readFileSync } from 'node:fs'
const ticks = () => readFileSync('/proc/self/stat', 'utf8').replace(/^.*\\) /s, '').split(' ')
const until = process.cpuUsage().user + 400_000
while (process.cpuUsage().user < until) Math.sqrt(Math.random())
const { createRegistry } = await import('#libs/metrics/registry.ts')
const one = createRegistry('one')
const other = createRegistry('other')
await one.page()
const before = ticks()
const pages = [await one.page(), await other.page()]
const boot = readFileSync('/proc/stat', 'utf8').match(/^btime (\\d+)/m)[1]
process.stdout.write(JSON.stringify({ before, after: ticks(), boot: Number(boot), pages }))
`

describe.runIf(process.platform === 'linux')("the process' own metrics", () => {
  const perSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))
  const told = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' }),
  ) as { before: string[]; after: string[]; boot: number; pages: string[] }
  // proc(5): utime is field 14, stime 15, starttime 22; the first two fields are cut off.
  const secondsOf = (fields: string[], field: number): number =>
    Number(fields[field - 3]) / perSecond

  it.each([
    ['process_cpu_user_seconds_total', [14]],
    ['process_cpu_system_seconds_total', [15]],
    ['process_cpu_seconds_total', [14, 15]],
  ])('%s is all that the process used, as the system counts it', (name, fields) => {
    const sumOf = (from: string[]): number =>
      fields.reduce((sum, field) => sum + secondsOf(from, field), 0)
    for (const page of told.pages) {
      const value = valueOf(page, name)
      // The system shows whole ticks, of which the last may not be over.
      expect(value).toBeGreaterThanOrEqual(sumOf(told.before) - 2 / perSecond)
      expect(value).toBeLessThanOrEqual(sumOf(told.after) + 2 / perSecond)
    }
    if (fields.includes(14)) expect(valueOf(told.pages[0] ?? '', name)).toBeGreaterThan(0.4)
  })

  it('process_start_time_seconds is when the system started it', () => {
    const started = told.boot + secondsOf(told.before, 22)
    for (const page of told.pages) {
      // The boot is told in whole seconds, and Node begins to count when it has been loaded.
      expect(valueOf(page, 'process_start_time_seconds')).toBeGreaterThan(started - 0.1)
      expect(valueOf(page, 'process_start_time_seconds')).toBeLessThan(started + 1.5)
    }
  })

  it('is told once, whatever others of the default set are there', () => {
    for (const page of told.pages) {
      expect(page.match(/^# TYPE process_cpu_seconds_total /gm)).toHaveLength(1)
      expect(page).toContain('process_resident_memory_bytes')
      expect(page).toContain('nodejs_eventloop_lag_p99_seconds')
    }
  })
})
