/** What a nats-server that stands still costs a Talaria whose devices go on sending. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startAppProcess } from '#tests/support/app-process.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTalariaBench } from '#tests/support/talaria.ts'
import { encode } from '#libs/wrp/codec.ts'

/** How long it stands still: less than an event is tried, so that none may be given up. */
const STALL_MS = 10_000

/** Of memory that is resident, in MiB. */
const residentMib = (pid: number): number =>
  (Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4_096) / 2 ** 20

it.runIf(process.platform === 'linux')(
  'memory is bounded while NATS stands still under large events, and all of them are stored',
  { timeout: 90_000 },
  async () => {
    await using bench = await startTalariaBench()
    await using talaria = await startAppProcess('talaria', {
      NATS_URL: bench.testNats.urlOf('talaria'),
      TALARIA_PORT: '0',
      TALARIA_OPERATIONS_PORT: '0',
      TALARIA_OPEN: 'true',
      LOG_LEVEL: 'info',
    })
    const ids = Array.from({ length: 4 }, () => bench.newDevice())
    const devices = await Promise.all(
      ids.map((id) => bench.connect({ url: talaria.url } as never, id, { token: undefined })),
    )
    await bench.event(({ message }) => message.dest === `event:device-status/${ids[3]}/online`)
    const before = residentMib(talaria.pid)
    const { server } = bench.testNats
    const payload = new Uint8Array(900_000)
    let sentCount = 0
    const send = (): void => {
      for (const [index, device] of devices.entries()) {
        // What the device's own socket does not take stays with the device.
        if (device.socket.bufferedAmount > 2_000_000) continue
        sentCount += 1
        device.socket.send(
          encode({
            msg_type: 4,
            source: ids[index] ?? '',
            dest: `event:large/${sentCount}`,
            payload,
          }),
        )
      }
    }
    process.kill(server.pid, 'SIGSTOP')
    let most = 0
    try {
      const until = performance.now() + STALL_MS
      await eventually(
        () => {
          send()
          most = Math.max(most, residentMib(talaria.pid))
          expect(performance.now()).toBeGreaterThan(until)
        },
        { withinMs: STALL_MS + 5_000 },
      )
    } finally {
      process.kill(server.pid, 'SIGCONT')
    }
    expect(most - before).toBeLessThan(120)
    const large = (): number =>
      new Set(
        bench.events
          .map(({ message }) => message.dest)
          .filter((dest) => dest?.startsWith('event:large/')),
      ).size
    await eventually(() => expect(large()).toBe(sentCount), { withinMs: 40_000 })
    for (const device of devices) await device.close()
  },
)
