import { randomUUID } from 'node:crypto'
import { headers, type Msg } from '@nats-io/transport-node'
import { expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { toJson } from '#libs/wrp/json.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import { answerRequest, BASIC, startScytaleBench } from '#tests/support/scytale.ts'

const send = (scytale: App, device: string): Promise<Response> =>
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

it("an unexpected error of one request is that request's 500, and nobody else's", async () => {
  await using bench = await startScytaleBench()
  const broken = createBrokenLog('scytale')
  await using scytale = await bench.startScytale({}, broken.log)
  const [poisoned, other] = [bench.newDevice(), bench.newDevice()]
  await bench.hold(poisoned, answerRequest)
  await bench.hold(other, answerRequest)
  broken.breakAt(['asked'], poisoned)
  const [first, second] = await Promise.all([send(scytale, poisoned), send(scytale, other)])
  expect(first.status).toBe(500)
  expect(second.status).toBe(200)
  broken.mend()
  expect((await send(scytale, poisoned)).status).toBe(200)
})

it("an answer that cannot be written is that request's 500, and the process goes on", async () => {
  await using bench = await startScytaleBench()
  // No header can carry it.
  await using scytale = await bench.startScytale({ SCYTALE_SERVER: '\u{20AC}' })
  const device = bench.newDevice()
  await bench.hold(device, answerRequest)
  expect((await send(scytale, device)).status).toBe(500)
  expect((await send(scytale, device)).status).toBe(500)
})

/** With a header whose name is none, which the client finds out when the headers are read. */
function answerUnreadably(message: Msg): void {
  const unreadable = headers()
  const bytes = new TextEncoder().encode('NATS/1.0\r\nno (name): x\r\n\r\n')
  message.respond(undefined, { headers: Object.assign(unreadable, { encode: () => bytes }) })
}

it("a reply that cannot be read is its command's 503, counted, and nobody else's", async () => {
  await using bench = await startScytaleBench()
  const { scytale } = bench
  const [poisoned, other] = [bench.newDevice(), bench.newDevice()]
  await bench.hold(poisoned, answerUnreadably)
  await bench.hold(other, answerRequest)
  const [first, second] = await Promise.all([send(scytale, poisoned), send(scytale, other)])
  expect(first.status).toBe(503)
  expect(await first.text()).toContain('may have reached the device')
  expect(second.status).toBe(200)
  const page = await (await fetch(`${scytale.operationsUrl}/metrics`)).text()
  expect(page).toContain('xmidt_scytale_faults_total{kind="reply"} 1')
  expect((await send(scytale, other)).status).toBe(200)
})
