import { expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { SERVICE, startParodus } from '#tests/support/parodus.ts'
import { redirectsOf } from '#tests/support/redirect.ts'
import { startStack } from '#tests/support/stack.ts'

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

  const [leaving, staying] = stack.talarias as [App, App]
  expect(await redirectsOf(stack, DEVICES)).toContain(leaving.url)
  await leaving[Symbol.asyncDispose]()

  await eventually(async () =>
    expect(await redirectsOf(stack, DEVICES)).toEqual(new Set([staying.url])),
  )
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
