import { expect, it } from 'vitest'
import { encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE } from '#libs/wrp/message.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import {
  metricOf,
  request,
  startFabric,
  startParodus,
  startService,
} from '#tests/support/fabric-peers.ts'

it('an unexpected error of one service leaves the others and the fabric as they are', async () => {
  const fabric = await startFabric()
  const broken = createBrokenLog('parodus')
  const parodus = await startParodus(fabric, { PARODUS_KEEP_ALIVE_MS: '50' }, broken.log)
  const service = await startService(parodus)
  const other = await startService(parodus, 'other')
  const faultsOf = (kind: string): Promise<number> =>
    metricOf(parodus, `xmidt_parodus_faults_total{kind="${kind}"}`)

  broken.breakAt(['service registered'], 'third')
  const { url } = service.pull
  await service.send({ msg_type: MSG_TYPE.serviceRegistration, service_name: 'third', url })
  await expect.poll(() => faultsOf('local-message'), { timeout: 5_000 }).toBe(1)

  broken.breakAt(['message handed on'])
  ;(await fabric.connection(1)).send(encode(request('other')))
  await expect.poll(() => faultsOf('fabric-message'), { timeout: 5_000 }).toBe(1)

  broken.breakAt(['service lost'])
  await other.pull[Symbol.asyncDispose]()
  await expect.poll(() => faultsOf('keep-alive'), { timeout: 10_000 }).toBeGreaterThan(0)

  broken.mend()
  ;(await fabric.connection(1)).send(encode(request('config')))
  await service.message(MSG_TYPE.request)
})
