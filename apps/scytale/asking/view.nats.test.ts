import { expect, it } from 'vitest'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { TALARIAS_PING } from '#libs/nats/subjects.ts'
import { createMetrics } from '#apps/scytale/metrics.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { createView } from './view.ts'

const log = createLogger('test', { level: 'silent' })

it('a look whose answer cannot be taken is unsettled and counted, and the next one is good', async () => {
  await using server = await startTestNats()
  await using talaria = await connectNats({ url: server.urlOf('talaria'), name: 'test', log })
  await using nats = await connectNats({ url: server.urlOf('scytale'), name: 'test', log })
  const answer = JSON.stringify({ id: 'one', subscribed: true, since: '2026-01-01T00:00:00Z' })
  talaria.connection.subscribe(TALARIAS_PING, {
    callback: (_error, message) => void message.respond(answer),
  })
  await talaria.connection.flush()
  const metrics = createMetrics()
  const list = { isBroken: true }
  using view = createView({
    nats,
    talarias() {
      if (list.isBroken) throw new Error('the list is broken')
      return ['one']
    },
    metrics,
    faults: createFaults(metrics.faults, log),
  })
  expect(await view.look()).toBeUndefined()
  const page = await metrics.registry.page()
  expect(page).toContain('xmidt_scytale_faults_total{kind="ping"} 1')
  expect(page).toContain('xmidt_scytale_looks_total{outcome="unsettled"} 1')
  list.isBroken = false
  expect(await view.look()).toMatchObject({ settled: new Map([['one', expect.anything()]]) })
})
