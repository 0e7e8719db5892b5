import { expect, it } from 'vitest'
import { createMetrics } from '#apps/caduceus/metrics.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { createBacklogWatch } from './failure-notice.ts'
import type { DeliveryTarget } from './target.ts'

it('an unexpected error of a notice to one owner is counted, and the next owner gets his', async () => {
  const log = createLogger('test', { level: 'silent' })
  const metrics = createMetrics()
  const told: string[] = []
  const watch = createBacklogWatch({
    attempt(url) {
      if (url.includes('broken')) return Promise.reject(new Error('broken'))
      told.push(url)
      return Promise.resolve({ outcome: 'delivered', status: 200 })
    },
    backlogMax: 1,
    concurrency: 1,
    metrics,
    faults: createFaults(metrics.faults, log),
    log,
  })
  const targetOf = (id: string): DeliveryTarget =>
    ({
      id,
      webhook: {
        owner: id,
        partnerIds: [],
        registeredAtMs: 0,
        untilMs: 1,
        hook: { failure_url: `http://127.0.0.1/${id}`, config: { secret: '' } },
      },
    }) as unknown as DeliveryTarget
  watch(targetOf('broken'), 2)
  watch(targetOf('sound'), 2)
  await eventually(async () => {
    expect(await metrics.registry.page()).toContain('caduceus_faults_total{kind="notice"} 1')
  })
  expect(told).toEqual(['http://127.0.0.1/sound'])
})
