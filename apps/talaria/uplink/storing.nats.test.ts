/** Whether events are stored is told of each of their streams. */
import { DiscardPolicy, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines, type LogLines } from '#tests/support/log-lines.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

/** Failures of five seconds are a fault; an event is tried for fifteen. */
const withinMs = 20_000

let bench: TalariaBench
let talaria: App
let log: LogLines
beforeEach(async () => {
  bench = await startTalariaBench()
  log = keepLogLines()
  talaria = await bench.startTalaria({}, log.loggerOf('talaria'))
})
afterEach(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

/** With a limit of one message that pushes nothing out, a stream refuses every event. */
async function changeStream(name: EventStream, config: Partial<StreamConfig>): Promise<void> {
  const url = bench.testNats.urlOf('library')
  await using library = await connectNats({
    url,
    name: 'test',
    log: createLogger('test', { level: 'silent' }),
  })
  await (await jetstreamManager(library.connection)).streams.update(name, config)
}
const refuseIn = (name: EventStream) =>
  changeStream(name, { max_msgs: 1, discard: DiscardPolicy.New })
const takeIn = (name: EventStream) =>
  changeStream(name, { max_msgs: -1, discard: DiscardPolicy.Old })

const send = (device: TestDevice, id: string, qos: number): void =>
  device.send({
    msg_type: 4,
    source: `${id}/config`,
    dest: 'event:test/x',
    transaction_uuid: 't',
    qos,
  })

/** What a Talaria says of a stream. */
async function told(stream: EventStream) {
  const answer = (await (await fetch(`${talaria.operationsUrl}/readyz`)).json()) as {
    checks: Record<string, string>
  }
  return {
    ready: answer.checks.stream,
    gauge: await counted(talaria, 'xmidt_talaria_store_fault', `stream="${stream}"`),
    lines: log.lines.filter((line) => line.stream === stream).map(({ msg }) => msg),
  }
}

/** Two devices, so that what waits for one stream holds up nothing that goes into the other. */
async function connectTwo() {
  const ids = [bench.newDevice(), bench.newDevice()] as const
  const high = await bench.connect(talaria, ids[0])
  const low = await bench.connect(talaria, ids[1])
  return {
    sendHigh: () => send(high, ids[0], 75),
    sendLow: () => send(low, ids[1], 0),
    [Symbol.asyncDispose]: async () => {
      await high[Symbol.asyncDispose]()
      await low[Symbol.asyncDispose]()
    },
  }
}

describe('a stream that refuses events while the other takes them', () => {
  it('is told, and no devices are sent here, when it is that of acknowledged events', async () => {
    await using devices = await connectTwo()
    await eventually(() => expect(bench.events).toHaveLength(2), { withinMs })
    await refuseIn('EVENTS')
    devices.sendHigh()
    await eventually(
      async () => {
        devices.sendLow()
        expect((await told('EVENTS')).ready).toMatch(/^events are not stored: JetStream refuses/)
      },
      { withinMs },
    )
    expect(await told('EVENTS')).toMatchObject({
      gauge: 1,
      lines: [expect.stringMatching(/^events are not stored/)],
    })
    expect(await told('EVENTS_LOW')).toMatchObject({ gauge: 0, lines: [] })

    await takeIn('EVENTS')
    devices.sendHigh()
    await eventually(
      async () => expect(await told('EVENTS')).toMatchObject({ ready: 'ok', gauge: 0 }),
      { withinMs },
    )
    expect((await told('EVENTS')).lines.at(-1)).toBe('events are stored again')
  }, 60_000)

  it('is told, and devices are sent here, when it is that of low qos', async () => {
    await using devices = await connectTwo()
    await eventually(() => expect(bench.events).toHaveLength(2), { withinMs })
    await refuseIn('EVENTS_LOW')
    devices.sendLow()
    devices.sendLow()
    await eventually(
      async () => {
        devices.sendHigh()
        expect(await told('EVENTS_LOW')).toMatchObject({
          ready: 'ok',
          gauge: 1,
          lines: [expect.stringMatching(/^events of low qos are not stored: JetStream refuses/)],
        })
      },
      { withinMs },
    )
    expect(await told('EVENTS')).toMatchObject({ gauge: 0, lines: [] })
  }, 60_000)
})
