import { describe, expect, it } from 'vitest'
import { eventually } from '#tests/support/eventually.ts'
import { ownerOf } from '#libs/hash/rendezvous.ts'
import { startPresenceBench } from '#tests/support/presence.ts'
import { openTcpGate } from '#tests/support/tcp-gate.ts'

/** Each waits for leases that run out after 15 s. */
const TEST_MS = 240_000

describe.concurrent('each session has one online and one offline event', () => {
  it(
    'when a Talaria with 500 devices is killed, told by another',
    async () => {
      await using bench = await startPresenceBench()
      await using killed = await bench.startTalaria('killed')
      await using _living = await bench.startHere('living')
      await bench.connect(killed, 500)
      await bench.allOnline(500)
      expect(await bench.entryCount('killed')).toBe(500)
      await killed.kill('SIGKILL')
      await bench.allOver(500, ['killed'])
      const reasons = new Set([...(await bench.told()).values()].map(({ reason }) => reason))
      expect(reasons).toEqual(new Set(['talaria-gone']))
    },
    TEST_MS,
  )

  it(
    'when it is started again at once under its id, told by itself before it takes devices',
    async () => {
      await using bench = await startPresenceBench()
      const first = await bench.startTalaria('again')
      await bench.connect(first, 200)
      await bench.allOnline(200)
      await first.kill('SIGKILL')
      const second = await bench.startTalaria('again')
      await bench.allOver(200, ['again'])
      // And once more, in the middle of the connecting.
      void bench.connect(second, 200).catch(() => undefined)
      await eventually(async () => expect((await bench.told()).size).toBeGreaterThan(220), {
        withinMs: 30_000,
      })
      await second.kill('SIGKILL')
      await using third = await bench.startTalaria('again')
      await bench.connect(third, 50)
      await bench.allOnline((await bench.told()).size)
      expect(await third.kill('SIGTERM')).toBe(0)
      await bench.allOver((await bench.told()).size, ['again'])
    },
    TEST_MS,
  )

  it(
    'when the one that tells is killed, too',
    async () => {
      await using bench = await startPresenceBench()
      await using killed = await bench.startTalaria('killed')
      const others = ['a', 'b', 'c']
      const talarias = new Map(
        await Promise.all(others.map(async (id) => [id, await bench.startTalaria(id)] as const)),
      )
      await bench.connect(killed, 500)
      await bench.allOnline(500)
      await killed.kill('SIGKILL')
      // Whoever it is that tells is killed as soon as it has begun.
      const tellsFirst = await eventually(
        async () => {
          const over = [...(await bench.told()).values()].filter(({ offline }) => offline > 0)
          expect(over.length).toBeGreaterThan(0)
          return tellerOf('killed', others)
        },
        { withinMs: 60_000 },
      )
      await talarias.get(tellsFirst)!.kill('SIGKILL')
      await bench.allOver(500, ['killed', tellsFirst])
    },
    TEST_MS,
  )

  it(
    'when NATS is killed and away while devices leave and a Talaria is killed',
    async () => {
      await using bench = await startPresenceBench()
      await using killed = await bench.startTalaria('killed')
      await using living = await bench.startHere('living')
      const devices = await bench.connect(living, 100)
      await bench.connect(killed, 100)
      await bench.allOnline(200)
      await bench.nats.server.stop('SIGKILL')
      for (const device of devices.slice(0, 50)) device.socket.terminate()
      await killed.kill('SIGKILL')
      await Promise.all(devices.slice(0, 50).map(({ closed }) => closed))
      await bench.nats.server.restart()
      await bench.allOver(150, ['killed'], 50)
      expect(await bench.entryCount('living')).toBe(50)
    },
    TEST_MS,
  )

  it(
    'when a Talaria is cut off for longer than its lease: its devices get new sessions',
    async () => {
      await using bench = await startPresenceBench()
      await using gate = await openTcpGate(bench.nats.server.port)
      await using cut = await bench.startHere('cut', gate.port)
      await using _living = await bench.startHere('living')
      const devices = await bench.connect(cut, 100)
      await bench.allOnline(100)
      gate.setOpen(false)
      await bench.allOver(100, ['cut'])
      expect(devices.filter(({ socket }) => socket.readyState === socket.OPEN)).toHaveLength(100)
      gate.setOpen(true)
      const closes = await Promise.all(devices.map(({ closed }) => closed))
      expect(new Set(closes.map(({ reason }) => reason))).toEqual(new Set(['told-offline']))
      await bench.connect(cut, 10)
      await bench.allOnline(110)
      await cut[Symbol.asyncDispose]()
      await bench.allOver(110, ['cut'])
    },
    TEST_MS,
  )
})

/** By the same hash as theirs. */
function tellerOf(dead: string, living: readonly string[]): string {
  const members = living.map((id) => ({ id, weight: 1 }))
  return ownerOf(`sessions/${dead}`, members) ?? ''
}
