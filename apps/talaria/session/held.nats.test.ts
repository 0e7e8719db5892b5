import { expect, it } from 'vitest'
import { readHeldMs, sendReceiptsHeaders } from '#libs/nats/command/reply.ts'
import { statSubject } from '#libs/nats/subjects.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTalariaBench } from '#tests/support/talaria.ts'

it('who asks for receipts hears how long the session has been in place, since NATS came back', async () => {
  await using bench = await startTalariaBench()
  await using talaria = await bench.startTalaria()
  const id = bench.newDevice()
  const subject = statSubject(parseDeviceId(id))
  const held = async (): Promise<number> => {
    const { connection } = bench.scytale
    const reply = await connection.request(subject, '', {
      timeout: 1_000,
      headers: sendReceiptsHeaders(),
    })
    expect(reply.json()).toMatchObject({ id })
    return readHeldMs(reply)!
  }
  const beganAt = performance.now()
  await using _device = await bench.connect(talaria, id)
  const first = await eventually(held)
  expect(first).toBeGreaterThanOrEqual(0)
  expect(first).toBeLessThanOrEqual(performance.now() - beganAt + 1)
  await eventually(async () => expect(await held()).toBeGreaterThan(first))

  const lostAt = performance.now()
  await bench.testNats.server.stop()
  await bench.testNats.server.restart()
  const again = await eventually(held, { withinMs: 10_000 })
  expect(again).toBeLessThan(performance.now() - lostAt)
  expect(readHeldMs(await bench.scytale.connection.request(subject))).toBeUndefined()
}, 30_000)
