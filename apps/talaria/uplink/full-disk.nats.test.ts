import { describe, expect, it } from 'vitest'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { eventually } from '#tests/support/eventually.ts'
import { limitFileSize, whyNoFileSizeLimit } from '#tests/support/file-size-limit.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { counted, startTalariaBench } from '#tests/support/talaria.ts'

/** Two publishes that wait for their time-out, and some. */
const withinMs = 30_000

let count = 0
const eventOf = (device: string): WrpMessage => ({
  msg_type: 4,
  source: `${device}/config`,
  dest: `event:test/${count++}`,
  transaction_uuid: `t-${count}`,
  qos: 75,
})

describe('a nats-server that could not write', () => {
  it.skipIf(whyNoFileSizeLimit)(
    `stores nothing although there is room again: it is told what that is and what to do (${whyNoFileSizeLimit ?? 'tried for real'})`,
    async () => {
      await using bench = await startTalariaBench()
      const { lines, loggerOf } = keepLogLines()
      await using talaria = await bench.startTalaria({}, loggerOf('talaria'))
      const id = bench.newDevice()
      await using device = await bench.connect(talaria, id)
      device.send(eventOf(id))
      expect(Number((await device.next()).rdr)).toBe(0)
      const checksOf = async (): Promise<Record<string, string>> => {
        const answer = await (await fetch(`${talaria.operationsUrl}/readyz`)).json()
        return (answer as { checks: Record<string, string> }).checks
      }
      const fault = () => counted(talaria, 'xmidt_talaria_store_fault', 'writes-refused')
      const { server } = bench.testNats

      limitFileSize(server.pid, 1)
      device.send(eventOf(id))
      // The first that fails makes it refuse the stream; all that follow fail alike.
      await eventually(
        async () => {
          expect(
            await counted(talaria, 'xmidt_talaria_event_store_failures_total'),
          ).toBeGreaterThan(0)
        },
        { withinMs },
      )
      limitFileSize(server.pid, undefined)
      await eventually(
        async () => expect((await checksOf()).stream).toContain('restart nats-server'),
        {
          withinMs,
        },
      )
      expect(await fault()).toBe(1)
      expect(lines.filter(({ msg }) => msg.startsWith('events are not stored'))).toMatchObject([
        { level: 'error', reason: 'writes-refused' },
      ])

      await server.restart()
      device.send(eventOf(id))
      await eventually(async () => expect((await checksOf()).stream).toBe('ok'), { withinMs })
      expect(await fault()).toBe(0)
      expect(lines.filter(({ msg }) => msg === 'events are stored again')).toHaveLength(1)
    },
    90_000,
  )
})
