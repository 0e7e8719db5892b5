/** What is thrown while one device is refused, or forgotten, ends nothing else. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createMetrics } from '#apps/talaria/metrics.ts'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import { eventually } from '#tests/support/eventually.ts'
import { createPacedRefusals, type PacedRefusals } from './paced-refusals.ts'
import { Refusal } from './refusal.ts'

const REFUSAL = new Refusal('token-invalid', 403, 'no')
const broken = createBrokenLog('talaria')
const ending = new DisposableStack()
let metrics: ReturnType<typeof createMetrics>
let port: number
let accepted: Socket[]

beforeEach(async () => {
  metrics = createMetrics()
  accepted = []
  const server = createServer((socket) => accepted.push(socket))
  ending.defer(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  port = (server.address() as AddressInfo).port
})
afterEach(() => broken.mend())

const open = (rememberedMs: number): PacedRefusals =>
  ending.use(
    createPacedRefusals({
      holdMs: 20,
      rememberedMs,
      metrics,
      faults: createFaults(metrics.faults, broken.log),
      log: broken.log,
    }),
  )

const faults = async (): Promise<number> => {
  const [, value] = (await metrics.registry.page()).match(/kind="refusal"\} (\d+)/) ?? []
  return Number(value)
}

/** What a device reads that is refused. */
async function refused(refusals: PacedRefusals, name: string, refusal = REFUSAL): Promise<string> {
  const client = connect(port, '127.0.0.1')
  const before = accepted.length
  await eventually(() => expect(accepted.length).toBeGreaterThan(before))
  refusals.refuse(accepted.at(-1)!, refusal, { name, address: undefined })
  return text(client)
}

it('an unexpected error when devices are forgotten is counted, and the next are refused as ever', async () => {
  const refusals = open(50)
  broken.breakAt(['device refused again and again'])
  await refused(refusals, 'one')
  await refused(refusals, 'one')
  await eventually(async () => expect(await faults()).toBeGreaterThan(0))
  expect(await refused(refusals, 'other')).toContain('403')
})

it('an unexpected error when a held answer is written ends that connection only', async () => {
  const refusals = open(60_000)
  await refused(refusals, 'one')
  const poisoned = new Refusal('token-invalid', 403, 'no')
  Object.defineProperty(poisoned, 'status', {
    get() {
      throw new Error('broken')
    },
  })
  expect(await refused(refusals, 'one', poisoned)).toBe('')
  expect(await faults()).toBe(1)
  expect(await refused(refusals, 'one')).toContain('403')
})
