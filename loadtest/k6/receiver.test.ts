import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { runCommand } from '#tests/support/up.ts'
import { startCountingReceiver } from './receiver.ts'

const deliver = (url: string, hook: string, transaction: string): Promise<Response> =>
  fetch(`${url}/hooks/${hook}`, {
    method: 'POST',
    headers: { 'x-webpa-transaction-id': transaction },
    body: '{"some":"payload"}',
  })

const told = async (url: string, hook: string, after = 0) => {
  const response = await fetch(`${url}/hooks/${hook}?after=${after}`)
  return (await response.json()) as { next: number; deliveries: { transaction: string }[] }
}

it('tells each webhook apart which events came to it, and when, in order', async () => {
  await using receiver = await startCountingReceiver()
  const before = Date.now()
  for (const transaction of ['a', 'b']) await deliver(receiver.url, 'one', transaction)
  await deliver(receiver.url, 'other', 'c')
  const { next, deliveries } = await told(receiver.url, 'one')
  expect(next).toBe(2)
  expect(deliveries).toEqual([
    { transaction: 'a', atMs: expect.any(Number) as number },
    { transaction: 'b', atMs: expect.any(Number) as number },
  ])
  expect((deliveries[0] as unknown as { atMs: number }).atMs).toBeGreaterThanOrEqual(before)
  expect((await told(receiver.url, 'other')).deliveries).toMatchObject([{ transaction: 'c' }])
})

it('tells what came since, and nothing of a webhook that it does not know', async () => {
  await using receiver = await startCountingReceiver()
  await deliver(receiver.url, 'one', 'a')
  await deliver(receiver.url, 'one', 'b')
  expect(await told(receiver.url, 'one', 1)).toMatchObject({
    next: 2,
    deliveries: [{ transaction: 'b' }],
  })
  expect(await told(receiver.url, 'one', 2)).toEqual({ next: 2, deliveries: [] })
  expect(await told(receiver.url, 'nobody')).toEqual({ next: 0, deliveries: [] })
})

it('tells a thousand at a time', async () => {
  await using receiver = await startCountingReceiver()
  const all = Array.from({ length: 1_001 }, (_, index) => String(index))
  for (let from = 0; from < all.length; from += 100) {
    const some = all.slice(from, from + 100)
    await Promise.all(some.map((transaction) => deliver(receiver.url, 'one', transaction)))
  }
  const first = await told(receiver.url, 'one')
  const second = await told(receiver.url, 'one', first.next)
  expect(first.deliveries).toHaveLength(1_000)
  const transactions = [...first.deliveries, ...second.deliveries].map(
    ({ transaction }) => transaction,
  )
  expect(new Set(transactions)).toEqual(new Set(all))
  expect(transactions).toHaveLength(all.length)
})

it('forgets a webhook when it is told to', async () => {
  await using receiver = await startCountingReceiver()
  await deliver(receiver.url, 'one', 'a')
  expect((await fetch(`${receiver.url}/hooks/one`, { method: 'DELETE' })).status).toBe(204)
  expect(await told(receiver.url, 'one')).toEqual({ next: 0, deliveries: [] })
})

it('counts and refuses each so many-th delivery when it is to fail', async () => {
  await using receiver = await startCountingReceiver({ failEvery: 2 })
  const statuses: number[] = []
  for (const transaction of ['a', 'b', 'c', 'd']) {
    statuses.push((await deliver(receiver.url, 'one', transaction)).status)
  }
  expect(statuses).toEqual([200, 503, 200, 503])
  expect((await told(receiver.url, 'one')).deliveries).toHaveLength(4)
})

it('answers anything else with a definite status', async () => {
  await using receiver = await startCountingReceiver()
  expect((await fetch(`${receiver.url}/`)).status).toBe(200)
  expect((await fetch(`${receiver.url}/elsewhere`)).status).toBe(404)
  expect((await fetch(`${receiver.url}/hooks/one`, { method: 'PUT' })).status).toBe(405)
})

it('is a program that says where it is, and why it cannot be there', async () => {
  const program = 'loadtest/k6/receiver.ts'
  const child = spawn(process.execPath, [program, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const url = said.toString().match(/http:\S+\d/)?.[0] ?? ''
  expect((await fetch(url)).status).toBe(200)
  const second = await runCommand(process.execPath, [program, '--port', new URL(url).port])
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toMatch(/^receiver: .*EADDRINUSE.*\n$/)
  child.kill('SIGTERM')
  expect(await once(child, 'close')).toEqual([0, null])
})
