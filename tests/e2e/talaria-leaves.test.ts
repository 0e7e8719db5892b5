import { expect, it } from 'vitest'
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { SERVICE, startParodus } from '#tests/support/parodus.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

async function redirectOf(stack: Stack, device: string): Promise<string> {
  const response = await fetch(`${stack.petasos.url}/api/v2/device`, {
    headers: { 'x-webpa-device-name': device },
    redirect: 'manual',
  })
  return new URL(response.headers.get('location') ?? '').origin
}

const DEVICES = Array.from(
  { length: 6 },
  (_, index) => `mac:${(0xcc_00_00_00_00_00 + index).toString(16)}`,
)

it('sends nobody to a Talaria that left, and its devices come back through the other', async () => {
  await using stack = await startStack({ talarias: 2 })
  await using events = await watchEvents(stack)
  await using devices = new AsyncDisposableStack()
  for (const id of DEVICES) devices.use(await startParodus(stack, id))
  await Promise.all(DEVICES.map((id) => events.first(isOnline(id))))

  const leaving = stack.talarias.find(({ url }) => url === stack.talarias[0]!.url)!
  const staying = stack.talarias.find(({ url }) => url !== leaving.url)!
  const before = await Promise.all(DEVICES.map((id) => redirectOf(stack, id)))
  expect(before).toContain(leaving.url)
  await leaving[Symbol.asyncDispose]()

  await eventually(async () => {
    const after = await Promise.all(DEVICES.map((id) => redirectOf(stack, id)))
    expect(new Set(after)).toEqual(new Set([staying.url]))
  })
  await eventually(
    async () => {
      for (const id of DEVICES) {
        const answer = await stack.caller.ask(id, SERVICE)
        expect([id, answer.status]).toEqual([id, 200])
      }
    },
    { withinMs: 15_000 },
  )
})
