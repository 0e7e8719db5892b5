import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserName } from '#nats/permissions.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf } from '#tests/support/caller.ts'
import { connectDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { watchModules } from '#tests/support/loaded-modules.ts'
import { startOtlpReceiver } from '#tests/support/otlp-receiver.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

const DEVICE = 'mac:112233445566'

/** The apps that use NATS, each as its own user. */
const USERS = new Set(['petasos', 'talaria', 'scytale', 'caduceus'])

/** Its interfaces alone are there anyway: prom-client asks them for a span to name in exemplars. */
const OPENTELEMETRY = /@opentelemetry\/(?!api\/)/

/** A device that is no Parodus of ours: it shows what a genuine one would get. */
async function connectTo(stack: Stack) {
  const device = await connectDevice({
    url: stack.talarias[0]!.url,
    deviceId: DEVICE,
    token: await stack.deviceToken(DEVICE),
  })
  // The websocket is open a moment before the server knows of the device's subscription.
  await eventually(async () => expect((await stack.caller.stat(DEVICE)).status).toBe(200))
  return device
}

const command = (headers: Record<string, string> = {}, more: object = {}) => ({
  method: 'POST',
  headers: {
    authorization: basicOf(CALLER_CREDENTIAL),
    'content-type': 'application/json',
    ...headers,
  },
  body: JSON.stringify({
    msg_type: 3,
    source: 'dns:caller.example',
    dest: `${DEVICE}/config`,
    transaction_uuid: 'one',
    ...more,
  }),
})

const answer = { msg_type: 3, source: `${DEVICE}/config`, dest: 'dns:caller.example' }

describe('without a collector', () => {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-traces-'))
  let stack: Stack
  beforeAll(async () => void (stack = await startStack({ caduceus: true })))
  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]()
    rmSync(directory, { recursive: true })
  })

  const environmentOf = (app: string): Record<string, string> => ({
    ...(USERS.has(app) && { NATS_URL: stack.nats.urlOf(app as UserName) }),
    [`${app.toUpperCase()}_PORT`]: '0',
    [`${app.toUpperCase()}_OPERATIONS_PORT`]: '0',
    THEMIS_KEY_FILE: join(directory, 'key.pem'),
    THEMIS_OPEN: 'true',
    TALARIA_ID: 'one-more',
    PARODUS_DEVICE_ID: DEVICE,
    PARODUS_PETASOS_URL: stack.petasos.url,
    PARODUS_LOCAL_URL: 'tcp://127.0.0.1:0',
  })

  it.each(['themis', 'petasos', 'talaria', 'scytale', 'caduceus', 'parodus'])(
    "nothing of OpenTelemetry's SDK is loaded by %s",
    async (app) => {
      using modules = watchModules(OPENTELEMETRY)
      await using _process = await startAppProcess(app, {
        ...environmentOf(app),
        ...modules.environment,
      })
      expect(modules.urls()).toEqual([])
    },
  )

  it('with one it is, so that this would be seen', async () => {
    await using collector = await startOtlpReceiver()
    using modules = watchModules(OPENTELEMETRY)
    await using _process = await startAppProcess('themis', {
      ...environmentOf('themis'),
      ...modules.environment,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    })
    expect(modules.urls().length).toBeGreaterThan(5)
  })

  it('a command goes to its device as its caller wrote it, traced or not', async () => {
    await using device = await connectTo(stack)
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    for (const headers of [{}, { traceparent }]) {
      const asked = fetch(`${stack.scytale.url}/api/v3/device`, command(headers))
      const { headers: lines, ...message } = await device.next()
      expect(lines).toBeUndefined()
      device.send({ ...answer, transaction_uuid: message.transaction_uuid! })
      expect((await asked).status).toBe(200)
    }
  })

  it('the trace of an event goes on to its webhook all the same', async () => {
    await using receiver = await startReceiver()
    await register(stack.caduceus!.url, receiver.url)
    await using device = await connectTo(stack)
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    const event = { msg_type: 4, source: `${DEVICE}/config`, dest: 'event:e/traced' }
    device.send({ ...event, headers: [`traceparent: ${traceparent}`, 'tracestate: a=b'] })
    device.send({ ...event, dest: 'event:e/forged', headers: [`traceparent: x${traceparent}`] })
    const traced = await receiver.next(({ headers }) => headers['x-webpa-event'] === 'e/traced')
    expect(traced.headers).toMatchObject({ traceparent, tracestate: 'a=b' })
    const forged = await receiver.next(({ headers }) => headers['x-webpa-event'] === 'e/forged')
    expect(forged.headers).not.toHaveProperty('traceparent')
  })
})

describe('with a collector', () => {
  it('a message in which its caller has lines of his own goes to its device unchanged', async () => {
    await using collector = await startOtlpReceiver()
    await using stack = await startStack({
      environment: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    })
    await using device = await connectTo(stack)
    const linesOf = async (more: object): Promise<string[] | undefined> => {
      const asked = fetch(`${stack.scytale.url}/api/v3/device`, command({}, more))
      const message = await device.next()
      device.send({ ...answer, transaction_uuid: message.transaction_uuid! })
      expect((await asked).status).toBe(200)
      return message.headers
    }
    expect(await linesOf({ headers: ['x-mine: 1'] })).toEqual(['x-mine: 1'])
    const [traceparent, tracestate, ...others] = (await linesOf({})) ?? []
    expect(traceparent).toMatch(/^traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
    expect([tracestate, ...others]).toEqual(['tracestate: '])
  })

  it('that is away everything goes on, and what is lost is counted and told once', async () => {
    const logs = keepLogLines()
    let url: string
    {
      await using gone = await startOtlpReceiver()
      url = gone.url
    }
    await using stack = await startStack({
      caduceus: true,
      loggerOf: logs.loggerOf,
      environment: {
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_EXPORTER_OTLP_TIMEOUT: '100',
        OTEL_BSP_SCHEDULE_DELAY: '10',
        OTEL_BSP_MAX_QUEUE_SIZE: '8',
      },
    })
    await using receiver = await startReceiver()
    await register(stack.caduceus!.url, receiver.url)
    await using device = await connectTo(stack)
    device.onCommand((asked) => ({ ...answer, transaction_uuid: asked.transaction_uuid! }))
    for (let index = 0; index < 30; index += 1) {
      const transaction = { transaction_uuid: `transaction-${index}` }
      const response = await fetch(`${stack.scytale.url}/api/v3/device`, command({}, transaction))
      expect(response.status).toBe(200)
      const dest = `event:e/${index}`
      device.send({ msg_type: 4, source: `${DEVICE}/config`, dest })
      await receiver.next(({ headers }) => headers['x-webpa-event'] === `e/${index}`)
    }
    const lost = async (app: string, operationsUrl: string | undefined): Promise<number> => {
      const page = await (await fetch(`${operationsUrl}/metrics`)).text()
      const lines = page.match(new RegExp(`^xmidt_${app}_spans_dropped_total.* \\d+$`, 'gm')) ?? []
      return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    }
    await eventually(async () => {
      expect(await lost('scytale', stack.scytale.operationsUrl)).toBeGreaterThan(0)
      expect(await lost('talaria', stack.talarias[0]!.operationsUrl)).toBeGreaterThan(0)
      expect(await lost('caduceus', stack.caduceus!.operationsUrl)).toBeGreaterThan(0)
    })
    const told = logs.lines.filter(({ msg }) => msg === 'traces cannot be sent')
    expect(told.filter(({ app }) => app === 'scytale')).toHaveLength(1)
  })
})
