/**
 * What one device throws ends that device only. The fault is a log that cannot be written, for one
 * line of one device: every part of Talaria writes one somewhere.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { commandSubject, talariaSubject } from '#libs/nats/subjects.ts'
import { encode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App
let bystander: TestDevice
const broken = createBrokenLog('talaria')

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria(
    { TALARIA_ID: 'here', TALARIA_COMMAND_TIMEOUT_MS: '300', TALARIA_REFUSAL_HOLD_MS: '100' },
    broken.log,
  )
  bystander = await bench.connect(talaria, bench.newDevice())
})

afterAll(async () => {
  broken.mend()
  await bystander.close()
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

/** While `act` runs, the line cannot be written; then a fault of the kind is counted. */
async function withBroken(
  kind: string,
  { msg, text }: { msg: string; text: string },
  act: () => Promise<void>,
): Promise<void> {
  const faults = (): Promise<number> =>
    counted(talaria, 'xmidt_talaria_faults_total', `kind="${kind}"`)
  const before = await faults()
  broken.breakAt(msg.split('|'), text)
  try {
    await act()
    await eventually(async () => expect(await faults()).toBeGreaterThan(before))
  } finally {
    broken.mend()
  }
  expect(bystander.socket.readyState).toBe(bystander.socket.OPEN)
}

const told = (id: string, status: string) =>
  bench.event(({ message }) => message.dest === `event:device-status/${id}/${status}`)

async function connected(): Promise<{ id: string; device: TestDevice }> {
  const id = bench.newDevice()
  const device = await bench.connect(talaria, id)
  await told(id, 'online')
  return { id, device }
}

const commandTo = (id: string, timeoutMs: number) =>
  bench.commander.request(
    commandSubject(parseDeviceId(id)),
    encode({ msg_type: 3, source: 'dns:x', dest: id, transaction_uuid: 't', qos: 0 }),
    { timeoutMs },
  )

describe('an unexpected error', () => {
  it('of a connect ends that session with 1011, and both of its events are told', async () => {
    const id = bench.newDevice()
    await withBroken('connect', { msg: 'device connected', text: id }, async () => {
      const device = await bench.connect(talaria, id)
      expect(await device.closed).toEqual({ code: 1011, reason: 'fault' })
    })
    await told(id, 'online')
    expect((await told(id, 'offline')).payload).toMatchObject({
      'reason-for-closure': '*no error*:fault',
    })
  })

  it('of an end leaves nothing of the session behind', async () => {
    const { id, device } = await connected()
    await withBroken('end', { msg: 'device disconnected', text: id }, async () => {
      await device.close()
      await told(id, 'offline')
    })
    await eventually(async () => expect((await commandTo(id, 500)).outcome).toBe('no-responders'))
  })

  it('of an answer leaves the device its session', async () => {
    const { id, device } = await connected()
    device.onCommand(({ transaction_uuid: uuid = '' }) => ({
      msg_type: 3,
      source: id,
      dest: 'dns:x',
      transaction_uuid: uuid,
    }))
    await withBroken('answer', { msg: 'command ended', text: id }, async () => {
      expect((await commandTo(id, 5_000)).outcome).toBe('answered')
    })
    expect((await commandTo(id, 5_000)).outcome).toBe('answered')
    await device.close()
  })

  it('of a deadline ends that command only', async () => {
    const { id, device } = await connected()
    await withBroken('deadline', { msg: 'command ended', text: id }, async () => {
      expect(['refused', 'timed-out']).toContain((await commandTo(id, 300)).outcome)
    })
    expect(['refused', 'timed-out']).toContain((await commandTo(id, 300)).outcome)
    await device.close()
  })

  it('of a command tells its sender', async () => {
    const { id, device } = await connected()
    await withBroken('command', { msg: 'command ended', text: id }, async () => {
      const subject = commandSubject(parseDeviceId(id))
      const came = await bench.commander.request(subject, new Uint8Array(1), { timeoutMs: 5_000 })
      expect(came.outcome).toBe('refused')
    })
    await device.close()
  })

  it("of an event's storing ends the session, and its place is free again", async () => {
    const { id, device } = await connected()
    await withBroken('event', { msg: 'event not stored', text: '' }, () =>
      bench.withoutEvents(async () => {
        device.send({ msg_type: 4, source: id, dest: 'event:x', qos: 75 })
        expect(await device.closed).toEqual({ code: 1011, reason: 'fault' })
      }),
    )
    expect(await counted(talaria, 'xmidt_talaria_events_in_flight')).toBe(0)
  })

  it('of the telling of a session delays it only', async () => {
    const id = bench.newDevice()
    await withBroken('presence', { msg: 'presence not stored', text: '' }, () =>
      bench.withoutEvents(async () => {
        await using _device = await bench.connect(talaria, id)
        await eventually(async () =>
          expect(
            await counted(talaria, 'xmidt_talaria_faults_total', 'kind="presence"'),
          ).toBeGreaterThan(0),
        )
      }),
    )
    await told(id, 'offline')
  })

  it('of a refusal ends that connect only', async () => {
    const id = bench.newDevice()
    await withBroken('upgrade', { msg: 'device refused', text: id }, async () => {
      await expect(bench.connect(talaria, id, { token: 'x.y.z' })).rejects.toThrow()
    })
  })

  it('of an order ends that order only', async () => {
    const { connection } = bench.operator
    await withBroken(
      'operator',
      { msg: 'lever pulled over nats|lever failed', text: '' },
      async () => {
        connection.publish(talariaSubject('here', 'gate'), '{"open":"true"}', { reply: 'x' })
        await connection.flush()
      },
    )
    const { data } = await connection.request(talariaSubject('here', 'ping'))
    expect(data.length).toBeGreaterThan(0)
  })
})
