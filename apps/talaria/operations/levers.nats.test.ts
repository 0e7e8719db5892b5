import type { Msg } from '@nats-io/nats-core'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { TALARIAS_PING, talariaSubject, type TalariaSubjectKind } from '#libs/nats/subjects.ts'
import { eventually } from '#tests/support/eventually.ts'
import {
  OPERATOR_HEADERS as headers,
  counted,
  startTalariaBench,
  type TalariaBench,
} from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App
beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria({ TALARIA_ID: 'one.x', TALARIA_REGION: 'here' })
})
afterAll(async () => {
  await talaria?.[Symbol.asyncDispose]()
  await bench?.[Symbol.asyncDispose]()
})

const ask = (kind: TalariaSubjectKind, order?: unknown): Promise<Msg> =>
  bench.operator.connection.request(
    talariaSubject('one.x', kind),
    order === undefined ? '' : typeof order === 'string' ? order : JSON.stringify(order),
    { timeout: 5_000 },
  )

const answerOf = async (...asked: Parameters<typeof ask>): Promise<unknown> => {
  const reply = await ask(...asked)
  expect(reply.headers?.get('Nats-Service-Error') ?? '').toBe('')
  return reply.json()
}

const refusalOf = async (...asked: Parameters<typeof ask>): Promise<string> => {
  const { headers, data } = await ask(...asked)
  expect(data).toHaveLength(0)
  const code = headers?.get('Nats-Service-Error-Code')
  return `${code} ${headers?.get('Nats-Service-Error')}`
}

describe('an operator over NATS', () => {
  it('hears from every Talaria whether all its subscriptions are in place', async () => {
    await using _other = await bench.startTalaria({ TALARIA_ID: 'two' })
    const replies = await bench.operator.connection.requestMany(TALARIAS_PING, '', {
      strategy: 'count',
      maxMessages: 2,
      maxWait: 5_000,
    })
    const answers: unknown[] = []
    for await (const reply of replies) answers.push(reply.json())
    expect(answers).toHaveLength(2)
    expect(answers).toEqual(
      expect.arrayContaining([
        { id: 'one.x', subscribed: true, since: expect.any(String) as string },
        { id: 'two', subscribed: true, since: expect.any(String) as string },
      ]),
    )
    expect(await answerOf('ping')).toMatchObject({ id: 'one.x', subscribed: true })
  })

  it('hears how one Talaria is', async () => {
    await using _device = await bench.connect(talaria, bench.newDevice())
    expect(await answerOf('stat')).toEqual({
      id: 'one.x',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/) as string,
      url: talaria.url,
      region: 'here',
      weight: 1,
      started: expect.stringMatching(/^20.*Z$/) as string,
      devices: 1,
      gate: { open: true, timestamp: expect.any(String) as string },
      drain: expect.objectContaining({ active: false }) as object,
    })
  })

  it('closes and opens the gate that the HTTP control API has', async () => {
    expect(await answerOf('gate', { open: false })).toMatchObject({ open: false })
    const gate = `${talaria.operationsUrl}/api/v3/device/gate`
    expect(await (await fetch(gate, { headers })).json()).toMatchObject({ open: false })
    await fetch(`${gate}?open=true`, { method: 'POST', headers })
    expect(await answerOf('gate')).toMatchObject({ open: true })
    expect(await answerOf('gate', {})).toMatchObject({ open: true })
  })

  it('drains devices at a pace, looks on, and stops it', async () => {
    await using stack = new AsyncDisposableStack()
    for (let count = 0; count < 4; count += 1) {
      stack.use(await bench.connect(talaria, bench.newDevice()))
    }
    const order = { percent: 50, rate: 1, tick: '20ms' }
    expect(await answerOf('drain', order)).toMatchObject({ active: true, job: { count: 2 } })
    await eventually(async () =>
      expect(await answerOf('drain')).toMatchObject({ active: false, progress: { drained: 2 } }),
    )
    expect(await answerOf('drain', { count: 1_000, rate: 1, tick: '1m' })).toMatchObject({
      active: true,
    })
    expect(await refusalOf('drain', { count: 1 })).toBe('409 a drain operation is already running')
    expect(await answerOf('drain', { cancel: true })).toMatchObject({ active: false })
    expect(await refusalOf('drain', { cancel: true })).toBe('409 no drain operation is running')
  })

  it('says again after a reconnect that all is in place, since then, with the devices there', async () => {
    await using device = await bench.connect(talaria, bench.newDevice())
    const { since } = (await answerOf('ping')) as { since: string }
    expect(await answerOf('ping')).toMatchObject({ since })
    await bench.testNats.server.stop('SIGKILL')
    await bench.testNats.server.restart()
    await eventually(
      async () => expect(await answerOf('ping')).toMatchObject({ subscribed: true }),
      { withinMs: 10_000 },
    )
    expect(await answerOf('ping')).not.toMatchObject({ since })
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })
})

describe('an order that is none', () => {
  it.each([
    ['gate', 'closed', '400 the order is no JSON'],
    ['gate', [1], '400 the order is no JSON object'],
    ['gate', 'null', '400 the order is no JSON object'],
    ['gate', { open: 'maybe' }, '400 the open parameter must be a bool'],
    ['gate', { open: null }, '400 the open parameter is not valid'],
    ['gate', { open: false, opne: true }, '400 there is no parameter opne'],
    ['drain', { count: -1 }, '400 the count parameter is not valid'],
    ['drain', { count: {} }, '400 the count parameter is not valid'],
    ['drain', { toString: 1 }, '400 there is no parameter toString'],
    ['drain', { cancel: false }, '400 cancel can only be true'],
    ['drain', { cancel: true, count: 1 }, '400 there is no parameter count'],
    ['stat', { deep: true }, '400 there is no parameter deep'],
    ['ping', { x: 1 }, '400 there is no parameter x'],
    ['gate', `{"open":false,"x":"${'x'.repeat(4_096)}"}`, '413 over 4096 bytes'],
  ] as const)('is refused: to %s, %.40j', async (kind, order, refusal) => {
    expect(await refusalOf(kind, order)).toBe(refusal)
    expect(await answerOf('gate')).toMatchObject({ open: true })
    expect(await answerOf('drain')).toMatchObject({ active: false })
  })

  it('a lever that there is not is refused and counted', async () => {
    const unknown = 'xmidt_talaria_operator_requests_total{kind="unknown",outcome="refused"}'
    const before = await counted(talaria, unknown)
    const subject = talariaSubject('one.x', 'ping').replace(/ping$/, 'reboot')
    // An operator's user may not even ask.
    const url = bench.testNats.urlOf('library')
    await using anybody = await connectNats({ url, name: 'test', log: pino({ level: 'silent' }) })
    const inbox = bench.operator.createInbox()
    const replies = bench.operator.connection.subscribe(inbox, { max: 1 })
    await bench.operator.connection.flush()
    anybody.connection.publish(subject, '', { reply: inbox })
    const [reply] = await Array.fromAsync(replies)
    expect(reply?.headers?.get('Nats-Service-Error-Code')).toBe('404')
    expect(await counted(talaria, unknown)).toBe(before + 1)
  })
})
