import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { statSubject } from '#libs/nats/subjects.ts'
import { decode } from '#libs/wrp/codec.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import { answerRequests, isOpen } from '#tests/support/device-answers.ts'
import { eventually } from '#tests/support/eventually.ts'
import { TEST_PASSWORDS } from '#tests/support/nats.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { startRegions, type Regions } from '#tests/support/regions.ts'
import type { Stack } from '#tests/support/stack.ts'

const SIDES = ['east', 'west'] as const
type Side = (typeof SIDES)[number]

const OTHER = { east: 'west', west: 'east' } as const
const DEVICES = { east: 'mac:0000000000ea', west: 'mac:0000000000ee' } as const
const NOBODY = 'mac:ffffffffffff'

/** A server that comes back is joined again within a second or two; a loaded machine takes longer. */
const JOINED = { withinMs: 15_000 }

let regions: Regions
let devices: Record<Side, TestDevice>
let receivers: Record<Side, Receiver>

const connectTo = async (stack: Stack, deviceId: string): Promise<TestDevice> =>
  connectDevice({
    url: stack.talarias[0]!.url,
    deviceId,
    token: await stack.deviceToken(deviceId),
  })

beforeAll(async () => {
  regions = await startRegions({ caduceus: true })
  devices = {
    east: await connectTo(regions.east, DEVICES.east),
    west: await connectTo(regions.west, DEVICES.west),
  }
  receivers = { east: await startReceiver(), west: await startReceiver() }
  for (const side of SIDES) {
    answerRequests(devices[side], `from the ${side}`)
    await register(regions[side].caduceus!.url, receivers[side].url)
  }
}, 60_000)

afterAll(async () => {
  for (const side of SIDES) {
    await devices[side][Symbol.asyncDispose]()
    await receivers[side][Symbol.asyncDispose]()
  }
  await regions[Symbol.asyncDispose]()
})

/** Asks the Scytale of `side` for the device of `deviceSide`, until the answer has `status`. */
const asked = (side: Side, deviceSide: Side, status: number): Promise<string> =>
  eventually(async () => {
    const answer = await regions[side].caller.ask(DEVICES[deviceSide], 'config')
    expect(answer.status).toBe(status)
    return answer.text
  }, JOINED)

/** Sends an event from the device of `side` and resolves once it is acknowledged. */
async function acknowledged(side: Side, transaction_uuid: string): Promise<void> {
  const source = DEVICES[side]
  devices[side].send({ msg_type: 4, source, dest: 'event:test/x', transaction_uuid, qos: 75 })
  const { rdr } = await devices[side].next(
    (message) => message.transaction_uuid === transaction_uuid,
  )
  expect(rdr).toBe(0)
}

const delivered = (side: Side, transaction: string): Promise<unknown> =>
  receivers[side].next(({ body }) => decode(body).transaction_uuid === transaction, JOINED)

const streamOf = async (side: Side): Promise<{ messages: number; domain: string | undefined }> => {
  const { hostname, port, username, password } = new URL(regions[side].nats.urlOf('library'))
  const connection = await connect({
    servers: `${hostname}:${port}`,
    user: username,
    pass: password,
  })
  const manager = await jetstreamManager(connection, { checkAPI: false })
  const { state } = await manager.streams.info('EVENTS')
  const { domain } = await manager.getAccountInfo()
  await connection.close()
  return { messages: state.messages, domain }
}

it.each(SIDES)('a command crosses from the %s, and the answer comes back', async (side) => {
  expect(await asked(side, OTHER[side], 200)).toBe(`from the ${OTHER[side]}`)
  expect(await asked(side, side, 200)).toBe(`from the ${side}`)
})

it.each(SIDES)(
  'the statistics of a device of the other region are told in the %s',
  async (side) => {
    const { status, text } = await regions[side].caller.stat(DEVICES[OTHER[side]])
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({ id: DEVICES[OTHER[side]] })
  },
)

it.each(SIDES)('tools in the %s may ask for them as well', async (side) => {
  const { hostname, port, username, password } = new URL(regions[side].nats.urlOf('tools'))
  const tools = await connect({ servers: `${hostname}:${port}`, user: username, pass: password })
  const subject = statSubject(parseDeviceId(DEVICES[OTHER[side]]))
  const reply = await tools.request(subject, '', { timeout: 5_000 })
  expect(reply.json()).toMatchObject({ id: DEVICES[OTHER[side]] })
  await tools.close()
})

it.each(SIDES)('a device that nobody holds anywhere is 404 in the %s, at once', async (side) => {
  const { status, tookMs } = await regions[side].caller.ask(NOBODY, 'config')
  expect(status).toBe(404)
  // A wait for a receipt would take a second: this is an answer, not the end of a wait.
  expect(tookMs).toBeLessThan(900)
})

it('an event stays in its region: stored there, delivered there, and nowhere else', async () => {
  const before = { east: await streamOf('east'), west: await streamOf('west') }
  expect([before.east.domain, before.west.domain]).toEqual(['east', 'west'])
  for (const side of SIDES) {
    await acknowledged(side, `stays-in-${side}`)
    await delivered(side, `stays-in-${side}`)
  }
  for (const side of SIDES) {
    expect((await streamOf(side)).messages).toBe(before[side].messages + 1)
    const strange = receivers[side].received.filter(
      ({ body }) => decode(body).transaction_uuid === `stays-in-${OTHER[side]}`,
    )
    expect(strange).toEqual([])
  }
})

it('who has the password of a region is let in as its server only, never as a client', async () => {
  const { hostname, port } = new URL(regions.east.nats.urlOf('library'))
  const servers = `${hostname}:${port}`
  const asRegion = { servers, user: 'region', pass: TEST_PASSWORDS.region ?? '' }
  await expect(connect(asRegion)).rejects.toThrow(/authorization/i)
})

it('the newest connection wins wherever it is made', async () => {
  const id = 'mac:112233445566'
  await using old = await connectTo(regions.east, id)
  answerRequests(old, 'old')
  // That a device is there is told to the other region; it takes a moment.
  await eventually(async () => {
    expect((await regions.west.caller.ask(id, 'config')).text).toBe('old')
  })
  await using recent = await connectTo(regions.west, id)
  answerRequests(recent, 'new')
  await old.closed
  for (const side of SIDES) {
    await eventually(async () => {
      expect((await regions[side].caller.ask(id, 'config')).text).toBe('new')
    })
  }
  expect(isOpen(recent)).toBe(true)
})

it.each(SIDES)(
  'when the nats-server of the %s is killed the other region goes on, and they are joined again after',
  async (killed) => {
    const living = OTHER[killed]
    await asked(living, killed, 200)
    await regions[killed].nats.server.stop('SIGKILL')

    // Told to be gone, and not by a wait; and the living region notices nothing else.
    await asked(living, killed, 404)
    expect(await asked(living, living, 200)).toBe(`from the ${living}`)
    await acknowledged(living, `while-${killed}-is-away`)
    await delivered(living, `while-${killed}-is-away`)
    expect((await regions[living].caller.ask(NOBODY, 'config')).status).toBe(404)

    await regions[killed].nats.server.restart()
    expect(await asked(living, killed, 200)).toBe(`from the ${killed}`)
    expect(await asked(killed, living, 200)).toBe(`from the ${living}`)
    for (const side of SIDES) expect(isOpen(devices[side])).toBe(true)
    await acknowledged(killed, `after-${killed}-was-away`)
    await delivered(killed, `after-${killed}-was-away`)
  },
  60_000,
)
