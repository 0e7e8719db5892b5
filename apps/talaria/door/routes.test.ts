import { expect, it } from 'vitest'
import { serve } from '#libs/http/server.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectDevice } from '#tests/support/device.ts'
import { createRoutes } from './routes.ts'

it('tells a device that comes while Talaria starts to come again', async () => {
  const { fetch } = createRoutes(createLogger('test', { level: 'silent' }))
  await using server = await serve({ fetch, hostname: '127.0.0.1', port: 0 })
  const device = connectDevice({ url: server.url, deviceId: 'mac:112233445566' })
  await expect(device).rejects.toMatchObject({ status: 503 })
})
