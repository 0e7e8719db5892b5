import { describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { createFaults, createFaultsCounter } from './faults.ts'

const bench = (write: (line: string) => void) => {
  const registry = createRegistry('test')
  const counter = createFaultsCounter(registry, ['frame', 'timer'])
  const log = createLogger('test', { level: 'info', destination: { write } })
  return { registry, faults: createFaults(counter, log) }
}

describe('a fault', () => {
  it('is counted by its kind and logged with whose it was', async () => {
    const lines: string[] = []
    const { registry, faults } = bench((line) => lines.push(line))
    const isDone = faults.try(
      'frame',
      () => {
        throw new Error('broken')
      },
      { deviceId: 'mac:112233445566' },
    )
    expect(isDone).toBe(false)
    expect(faults.try('timer', () => undefined)).toBe(true)
    expect(await registry.page()).toContain('xmidt_test_faults_total{kind="frame"} 1\n')
    expect(await registry.page()).toContain('xmidt_test_faults_total{kind="timer"} 0\n')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"deviceId":"mac:112233445566"')
    expect(lines[0]).toContain('broken')
  })

  it('is counted although it cannot be logged', async () => {
    const { registry, faults } = bench(() => {
      throw new Error('no room for the log')
    })
    faults.tell('timer', 'no error at all')
    expect(await registry.page()).toContain('xmidt_test_faults_total{kind="timer"} 1\n')
  })
})
