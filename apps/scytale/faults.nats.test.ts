import { randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import { toJson } from '#libs/wrp/json.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import { answerRequest, BASIC, startScytaleBench } from '#tests/support/scytale.ts'

it("an unexpected error of one request is that request's 500, and nobody else's", async () => {
  await using bench = await startScytaleBench()
  const broken = createBrokenLog('scytale')
  await using scytale = await bench.startScytale({}, broken.log)
  const [poisoned, other] = [bench.newDevice(), bench.newDevice()]
  await bench.hold(poisoned, answerRequest)
  await bench.hold(other, answerRequest)
  const send = (device: string): Promise<Response> =>
    fetch(`${scytale.url}/api/v3/device`, {
      method: 'POST',
      headers: { authorization: BASIC, 'content-type': 'application/json' },
      body: toJson({
        msg_type: 3,
        source: 'dns:caller.example',
        dest: `${device}/config`,
        transaction_uuid: randomUUID(),
        payload: new TextEncoder().encode('{}'),
      }),
    })
  broken.breakAt(['asked'], poisoned)
  const [first, second] = await Promise.all([send(poisoned), send(other)])
  expect(first.status).toBe(500)
  expect(second.status).toBe(200)
  broken.mend()
  expect((await send(poisoned)).status).toBe(200)
})
