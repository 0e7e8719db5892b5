/** The nats-server of `npm start` loses what it stands on: it is told, and everything goes on. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '#tests/support/eventually.ts'
import { limitFileSize, whyNoFileSizeLimit } from '#tests/support/file-size-limit.ts'
import { startUp, type Up } from '#tests/support/up.ts'

/** What the README promises for the first webhook call; here with room for a busy machine. */
const withinMs = 30_000

let up: Up
beforeAll(async () => {
  up = await startUp()
  await eventually(() => expect(up.output()).toContain('Ctrl-C ends everything'), { withinMs })
}, 2 * withinMs)
afterAll(() => up?.[Symbol.asyncDispose]())

const pidOfNats = (): number => {
  const [file = ''] = readdirSync(join(up.directory, 'nats', 'ports'))
  return Number(file.match(/_(\d+)\.ports$/)?.[1])
}

/** What is printed from now on. */
const printedFromNow = (): (() => string) => {
  const { length } = up.output()
  return () => up.output().slice(length)
}

async function expectEventAtWebhook(): Promise<void> {
  const printed = printedFromNow()
  await eventually(() => expect(printed()).toMatch(/received device-report\/mac:/), { withinMs })
}

describe('the nats-server of one command', () => {
  it.skipIf(whyNoFileSizeLimit)(
    `is started again after a write that failed (${whyNoFileSizeLimit ?? 'tried for real'})`,
    async () => {
      const printed = printedFromNow()
      const pid = pidOfNats()
      limitFileSize(pid, 1)
      await eventually(
        () => expect(printed()).toMatch(/could not write and stores nothing .*file too large/),
        { withinMs },
      )
      await eventually(() => expect(printed()).toContain('nats-server started again'), { withinMs })
      expect(pidOfNats()).not.toBe(pid)
      await expectEventAtWebhook()
    },
    4 * withinMs,
  )

  it(
    'that lost its data gets its streams again, and the webhook is written back',
    async () => {
      const printed = printedFromNow()
      rmSync(join(up.directory, 'nats', 'store'), { recursive: true })
      process.kill(pidOfNats(), 'SIGKILL')
      await eventually(
        () => {
          expect(printed()).toContain('nats-server started again')
          expect(printed()).toMatch(/EVENTS.* not there any more, what was in it is lost/)
          expect(printed()).toContain('streams and buckets applied again')
          expect(printed()).toContain('webhook was lost and is written back')
        },
        { withinMs },
      )
      await expectEventAtWebhook()
    },
    3 * withinMs,
  )
})
