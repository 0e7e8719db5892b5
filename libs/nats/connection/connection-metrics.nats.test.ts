import { afterAll, beforeAll, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { connectNats } from './connect.ts'
import { createConnectionMetrics } from './connection-metrics.ts'

const log = createLogger('test', { level: 'silent' })
let server: TestNats
beforeAll(async () => {
  server = await startTestNats()
})
afterAll(() => server[Symbol.asyncDispose]())

it('shows the loss and the return of a connection', async () => {
  const registry = createRegistry('x')
  const metrics = createConnectionMetrics(registry, ['x'])
  const line = 'xmidt_x_nats_connected{connection="x"}'
  expect(await registry.page()).toContain(`${line} 0`)
  await using nats = await connectNats({ url: server.urlOf('library'), name: 'x', log })
  metrics.watch('x', nats)
  expect(await registry.page()).toContain(`${line} 1`)
  await server.server.stop('SIGKILL')
  await eventually(async () => expect(await registry.page()).toContain(`${line} 0`))
  await server.server.restart()
  await eventually(async () => expect(await registry.page()).toContain(`${line} 1`))
})

it('counts what the server refuses', async () => {
  await using strict = await startTestNats({ expectsRefusals: true })
  const registry = createRegistry('x')
  await using nats = await connectNats({ url: strict.urlOf('petasos'), name: 'x', log })
  createConnectionMetrics(registry, ['x']).watch('x', nats)
  const line = 'xmidt_x_nats_refused_total{connection="x"}'
  expect(await registry.page()).toContain(`${line} 0`)
  // A Petasos may not command a device, nor listen to all of them.
  nats.connection.publish('xmidt.device.mac_112233445566.command')
  nats.connection.subscribe('xmidt.device.>', { callback: () => undefined })
  await eventually(async () => expect(await registry.page()).toContain(`${line} 2`))
})
