/** What one device can do to the others of its Talaria: each test is an attack. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

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

describe('a device', () => {
  it('whose convey is nested thousands of levels deep comes and goes as any other', async () => {
    const id = bench.newDevice()
    const deep = `${'['.repeat(4_500)}${']'.repeat(4_500)}`
    const convey = `{"hw-model":${deep},"fw-name":"x"}`
    const device = await bench.connect(talaria, id, {
      headers: { 'X-Webpa-Convey': Buffer.from(convey).toString('base64') },
    })
    const told = (status: string) =>
      bench.event(({ message }) => message.dest === `event:device-status/${id}/${status}`)
    const { message: online } = await told('online')
    expect(online.metadata).toMatchObject({ '/fw-name': 'x' })
    expect(online.metadata).not.toHaveProperty('/hw-model')
    await device.close()
    await told('offline')
  })
})
