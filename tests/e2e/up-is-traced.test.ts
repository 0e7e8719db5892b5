import { createServer, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { eventually } from '#tests/support/eventually.ts'
import {
  startOtlpReceiver,
  type OtlpReceiver,
  type ReceivedSpan,
} from '#tests/support/otlp-receiver.ts'
import { startUp, type Up } from '#tests/support/up.ts'

let collector: OtlpReceiver
let up: Up

beforeAll(async () => {
  collector = await startOtlpReceiver()
  // What a person exports in his shell; `up` is a process of its own and inherits it.
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url
  process.env.OTEL_BSP_SCHEDULE_DELAY = '100'
  process.env.OTEL_SERVICE_NAME = 'one name for all would tell nobody anything'
  up = await startUp('--devices', '1')
  await eventually(() => expect(up.output()).toContain('Ctrl-C ends everything'), {
    withinMs: 60_000,
  })
}, 70_000)

afterAll(async () => {
  await up?.[Symbol.asyncDispose]()
  await collector?.[Symbol.asyncDispose]()
})

const servicesOf = (spans: readonly ReceivedSpan[]): Set<string> =>
  new Set(spans.map(({ service, instance }) => `${service} ${instance}`))

it('each part of `npm start` sends its spans under its own name, to where the shell says', async () => {
  const names = '{"command":"GET","names":["Device.DeviceInfo.ModelName"]}'
  await eventually(
    async () => {
      const sent = await up.xmidt('send', 'mac:112233445501', 'config', names)
      expect(sent.code).toBe(0)
      const command = collector.spans.find(({ name }) => name === 'deliver to local service')
      const spans = collector.spans.filter(({ traceId }) => traceId === command?.traceId)
      expect([...servicesOf(spans)].toSorted()).toEqual([
        'parodus mac:112233445501',
        expect.stringMatching(/^scytale [0-9a-f-]{36}$/),
        expect.stringMatching(/^talaria talaria-[12]$/),
      ])
    },
    { withinMs: 30_000 },
  )
  await eventually(() =>
    expect(new Set(collector.spans.map(({ service }) => service))).toEqual(
      new Set(['themis', 'petasos', 'talaria', 'scytale', 'caduceus', 'parodus']),
    ),
  )
})

it('ends within five seconds although the collector has gone mute', async () => {
  const port = Number(new URL(collector.url).port)
  await collector[Symbol.asyncDispose]()
  const sockets = new Set<Socket>()
  const mute = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
  })
  await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    mute.close()
  })
  const names = '{"command":"GET","names":["Device.DeviceInfo.ModelName"]}'
  expect((await up.xmidt('send', 'mac:112233445501', 'config', names)).code).toBe(0)
  const { code, tookMs } = await up.end()
  expect(sockets.size).toBeGreaterThan(0)
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(5_000)
})
