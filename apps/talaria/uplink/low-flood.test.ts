import { expect, it } from 'vitest'
import { createFaults } from '#libs/lifecycle/faults.ts'
import { createMetrics } from '#apps/talaria/metrics.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { createLowFlood, type LowFlood } from './low-flood.ts'

function start(windowMs: number) {
  const { lines, loggerOf } = keepLogLines()
  const log = loggerOf('talaria')
  const metrics = createMetrics()
  const flood = createLowFlood({
    windowMs,
    metrics,
    faults: createFaults(metrics.faults, log),
    log,
  })
  return { flood, lines, [Symbol.dispose]: () => flood[Symbol.dispose]() }
}

const send = (flood: LowFlood, deviceId: string, megabytes: number): void => {
  for (let count = 0; count < megabytes * 10; count += 1) flood.count(deviceId, 100_000)
}

it('a flood is told at once, and of all that send in a window the worst are named', async () => {
  using bench = start(1_000)
  const { flood, lines } = bench
  send(flood, 'mac:000000000001', 2)
  expect(lines).toEqual([])
  send(flood, 'mac:000000000001', 1)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({
    msg: 'devices flood EVENTS_LOW',
    deviceCount: 1,
    worst: [{ deviceId: 'mac:000000000001', count: 30, bytes: 3_015_000 }],
  })
  for (let device = 1; device <= 9; device += 1) send(flood, `mac:00000000000${device}`, 2 + device)
  expect(lines).toHaveLength(1)
  await eventually(() => expect(lines).toHaveLength(2))
  expect(lines[1]).toMatchObject({ deviceCount: 9 })
  const worst = [9, 8, 7, 6, 5].map((device) => ({ deviceId: `mac:00000000000${device}` }))
  expect(lines[1]).toMatchObject({ worst })
})

it('a device that floods is found among more devices than are counted', () => {
  using bench = start(60_000)
  const { flood, lines } = bench
  for (let count = 0; count < 35; count += 1) {
    flood.count('mac:ffffffffffff', 100_000)
    for (let device = 0; device < 1_000; device += 1) flood.count(`mac:${count}-${device}`, 1_000)
  }
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({
    deviceCount: 1,
    worst: [{ deviceId: 'mac:ffffffffffff' }, {}, {}, {}, {}],
  })
})

it('devices that send a little each are no flood, however many they are', () => {
  using bench = start(60_000)
  for (let device = 0; device < 20_000; device += 1) bench.flood.count(`mac:${device}`, 1_000)
  expect(bench.lines).toEqual([])
})
