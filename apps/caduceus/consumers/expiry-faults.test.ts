import { expect, it } from 'vitest'
import { createMetrics } from '#apps/caduceus/metrics.ts'
import type { Webhook } from '#apps/caduceus/webhook.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import type { PullOptions } from './pull/pull.ts'
import { createWebhooks } from './webhooks.ts'

it("an unexpected error at one webhook's expiry is counted, and the process goes on", async () => {
  const log = createLogger('test', { level: 'silent' })
  const metrics = createMetrics()
  const faults = createFaults(metrics.faults, log)
  const poisoned = {
    ...metrics,
    cutOffs: {
      inc() {
        throw new Error('broken')
      },
    },
  }
  // Nothing is pulled: its loop ends at once, as there is no connection.
  await using webhooks = createWebhooks({
    metrics: poisoned,
    faults,
    log,
  } as unknown as PullOptions)
  const webhook = {
    // Not over before it is applied, on a machine that is busy.
    untilMs: Date.now() + 500,
    partnerIds: ['*'],
    hook: { events: ['.*'], matcher: { device_id: ['.*'] } },
  } as unknown as Webhook
  webhooks.apply('one', webhook, 1)
  await eventually(async () => {
    expect(await metrics.registry.page()).toContain('caduceus_faults_total{kind="expiry"} 1')
  })
})
