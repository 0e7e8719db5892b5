import { afterAll, beforeAll, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App
beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria()
})
afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const eventOf = (id: string, fields: Partial<WrpMessage>): WrpMessage => ({
  msg_type: 4,
  source: `${id}/config`,
  transaction_uuid: 't',
  ...fields,
})

it('an event that says who is online is dropped and counted, in whoever’s name it is', async () => {
  const id = bench.newDevice()
  const victim = bench.newDevice()
  await using device = await bench.connect(talaria, id)
  const label = 'reason="dest-reserved"'
  const before = await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)
  const forged = [
    `event:device-status/${victim}/offline`,
    `event:device-status/${id}/online`,
    ` event:Device-Status /${victim}/Offline/x`,
    `event:device-status/${victim}/fully-manageable`,
  ]
  for (const dest of forged) device.send(eventOf(id, { dest, qos: 75 }))
  for (const _ of forged) expect((await device.next()).rdr).toBe(1)
  // What a device tells of itself is its own.
  const own = eventOf(id, { dest: `event:device-status/${id}/fully-manageable`, qos: 75 })
  device.send(own)
  expect((await device.next()).rdr).toBe(0)
  await bench.event(({ message }) => message.dest === own.dest)
  expect(await counted(talaria, 'xmidt_talaria_frames_dropped_total', label)).toBe(before + 4)
  expect(bench.events.some(({ message }) => message.dest?.includes(victim))).toBe(false)
})
