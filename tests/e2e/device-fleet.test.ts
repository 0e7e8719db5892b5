import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deviceIdOf } from '#apps/xmidt/fleet/device.ts'
import { startDevices } from '#apps/xmidt/fleet/devices.ts'
import { devicesEnv } from '#apps/xmidt/environment.ts'
import { loadConfig } from '#libs/config/load.ts'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { DEVICE_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
})
afterAll(async () => stack?.[Symbol.asyncDispose]())

describe('a fleet of simulated devices', () => {
  it('is ready once every device is connected, and each answers', async () => {
    const count = 5
    const config = loadConfig(devicesEnv, {
      XMIDT_THEMIS_URL: stack.themis.url,
      XMIDT_PETASOS_URL: stack.petasos.url,
      XMIDT_DEVICE: DEVICE_CREDENTIAL,
      XMIDT_OPERATIONS_PORT: '0',
    })
    await using fleet = await startDevices(config, count, createLogger('test', { level: 'silent' }))
    await eventually(
      async () => expect((await fetch(`${fleet.operationsUrl}/readyz`)).status).toBe(200),
      { withinMs: 15_000 },
    )
    const page = await (await fetch(`${fleet.operationsUrl}/metrics`)).text()
    expect(page).toContain(`xmidt_devices_connected ${count}`)
    for (let index = 0; index < count; index += 1) {
      const { status } = await stack.caller.stat(deviceIdOf(index))
      expect(status).toBe(200)
    }
  })
})
