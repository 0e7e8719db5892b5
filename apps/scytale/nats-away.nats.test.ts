import { expect, it } from 'vitest'
import { replyReceipt } from '#libs/nats/command/reply.ts'
import { eventually } from '#tests/support/eventually.ts'
import { BASIC, startScytaleBench } from '#tests/support/scytale.ts'

const stat = (url: string, device: string, signal?: AbortSignal): Promise<Response> =>
  fetch(`${url}/api/v3/device/${device}/stat`, {
    headers: { authorization: BASIC },
    ...(signal && { signal }),
  })

it('answers 503 at once while NATS is away, and works again when it is back', async () => {
  await using bench = await startScytaleBench()
  const { scytale, nats } = bench
  const device = bench.newDevice()
  await nats.server.stop('SIGKILL')
  await eventually(async () => {
    expect((await fetch(`${scytale.operationsUrl}/readyz`)).status).toBe(503)
  })
  const response = await stat(scytale.url, device)
  expect(response.status).toBe(503)
  expect(response.headers.get('retry-after')).toBe('2')
  expect(await response.json()).toEqual({
    code: 503,
    message: 'the fabric is away: the request was not sent',
  })
  await nats.server.restart()
  await eventually(async () => expect((await stat(scytale.url, device)).status).toBe(404))
})

it('tells a caller whose request was on the way when NATS was lost that it may have arrived', async () => {
  await using bench = await startScytaleBench()
  const device = bench.newDevice()
  const { promise: taken, resolve: onTaken } = Promise.withResolvers<void>()
  await bench.hold(device, (message) => {
    replyReceipt(message, 'talaria-1')
    onTaken()
  })
  const asked = stat(bench.scytale.url, device)
  await taken
  await bench.nats.server.stop('SIGKILL')
  const response = await asked
  expect(response.status).toBe(503)
  expect(await response.text()).toContain('may have reached the device')
})

it('is not ready any more while it ends', async () => {
  await using bench = await startScytaleBench()
  const ending = await bench.startScytale({ SCYTALE_DRAIN_MS: '1000' })
  const device = bench.newDevice()
  const { promise: taken, resolve: onTaken } = Promise.withResolvers<void>()
  await bench.hold(device, (message) => {
    replyReceipt(message, 'talaria-1')
    onTaken()
  })
  const asked = stat(ending.url, device)
  await taken
  const ended = ending[Symbol.asyncDispose]()
  expect((await fetch(`${ending.operationsUrl}/readyz`)).status).toBe(503)
  expect((await asked).status).toBe(503)
  await ended
})

it('stops waiting for a device when the caller goes away', async () => {
  await using bench = await startScytaleBench()
  const device = bench.newDevice()
  const { promise: taken, resolve: onTaken } = Promise.withResolvers<void>()
  await bench.hold(device, (message) => {
    replyReceipt(message, 'talaria-1')
    onTaken()
  })
  const leaving = new AbortController()
  const asked = stat(bench.scytale.url, device, leaving.signal)
  await taken
  leaving.abort()
  await expect(asked).rejects.toThrow()
  await eventually(async () => {
    const page = await (await fetch(`${bench.scytale.operationsUrl}/metrics`)).text()
    expect(page).toContain('xmidt_scytale_commands_total{kind="stat",outcome="aborted"} 1')
    expect(page).toContain('xmidt_scytale_requests_in_flight 0')
  })
})
