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
