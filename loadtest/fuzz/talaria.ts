/** A Talaria under attack, over a nats-server of its own, with devices that keep to nothing. */
import { pino } from 'pino'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { createCommander, type Commander } from '#libs/nats/command/command.ts'
import { commandSubject } from '#libs/nats/subjects.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { startTestKeys } from '#tests/support/keys.ts'
import { startTestNats } from '#tests/support/nats.ts'
import { COMMANDED, createTalariaCases, type TalariaCase } from './cases/talaria.ts'
import { exchange } from './live/exchange.ts'
import { createHostileDevice, type HostileDevice } from './live/hostile-device.ts'
import { startFuzzed } from './live/process.ts'
import { beneath, taken } from './live/taken.ts'
import { FindingError, type FuzzTarget } from './live/target.ts'
import { createTurns } from './live/turns.ts'

/** Devices at once. */
const LANES = 8

/** How long a command may take to reach the device, on a loaded machine. */
const COMMAND_MS = 2_000

/** What may answer an upgrade. Nothing at all is an answer to what is no HTTP. */
const STATUSES = [101, 400, 401, 403, 404, 405, 408, 413, 414, 417, 426, 431, 501, 503]

/** Starts it. Its rates are so high that nothing waits; its limits of size and number are its own. */
export async function startTalariaTarget(logFile?: string): Promise<FuzzTarget<TalariaCase>> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startTestNats())
  const keys = starting.use(await startTestKeys())
  const log = pino({ level: 'silent' })
  const scytale = starting.use(await connectNats({ url: nats.urlOf('scytale'), name: 'fuzz', log }))
  const commander = starting.use(createCommander(scytale))
  const talaria = starting.use(
    await startFuzzed(
      'talaria',
      {
        NATS_URL: nats.urlOf('talaria'),
        TALARIA_PORT: '0',
        TALARIA_JWKS_URL: keys.url,
        TALARIA_REFUSAL_HOLD_MS: '0',
        TALARIA_DEVICE_FRAMES_RATE: '1000000',
        TALARIA_DEVICE_BYTES_RATE: '1000000000',
        TALARIA_DEVICE_LOOP_PERCENT: '100',
      },
      logFile,
    ),
  )
  const tokenOf = (id: string): Promise<string> =>
    keys.sign({ 'device-id': id, 'partner-id': 'comcast', trust: 1_000 })
  const deviceOf = async (id: string): Promise<HostileDevice> =>
    starting.use(createHostileDevice(talaria.url, id, await tokenOf(id)))
  const ids = Array.from({ length: LANES }, (_, at) => `mac:fd00000000${20 + at}`)
  const devices = await Promise.all(ids.map(deviceOf))
  const commanded = await deviceOf(COMMANDED)
  const inTurn = createTurns()
  const bystander = await deviceOf('mac:fd0000000099')
  const quiet = await bystander.connected()
  const applicant = { deviceId: 'mac:fe0000000001', token: await tokenOf('mac:fe0000000001') }
  const running = starting.move()
  return {
    processes: [talaria],
    lanes: LANES,
    round: 256,
    makeCase: createTalariaCases(applicant),
    async put(made, lane) {
      if (made.kind === 'upgrade') return putUpgrade(talaria.url, made.request)
      return made.kind === 'command'
        ? inTurn(() => putCommand(commanded, made, commander))
        : putBytes(devices[lane]!, made)
    },
    async settle() {
      const how = await taken(quiet)
      if (how !== 'taken') throw new FindingError(`a bystander's connection is ${how}`)
      await scytale.connection.flush()
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function putUpgrade(url: string, request: string): Promise<string> {
  // A body that does not come would be waited for.
  const isCut = /\r\n(?:content-length|transfer-encoding):/i.test(request)
  const { status, isTimeout } = await exchange(url, request, { isCut })
  if (status !== undefined && !STATUSES.includes(status))
    throw new FindingError(`answered with ${status}`)
  if (isTimeout) throw new FindingError('an upgrade was not answered')
  return String(status ?? 'closed')
}

type Sent = Extract<TalariaCase, { kind: 'messages' | 'frames' }>

async function putBytes(device: HostileDevice, made: Sent): Promise<string> {
  const socket = await device.connected()
  if (made.kind === 'frames') {
    // What follows could be taken for a part of it, so that nothing does.
    beneath(socket).end(made.bytes)
    return taken(socket)
  }
  for (const { bytes, isText } of made.messages) {
    socket.send(bytes, { binary: !isText }, () => undefined)
  }
  return taken(socket)
}

async function putCommand(
  device: HostileDevice,
  { command, answers }: Extract<TalariaCase, { kind: 'command' }>,
  commander: Commander,
): Promise<string> {
  const socket = await device.connected()
  const taking = new AbortController()
  const onCommand = (): void => {
    for (const bytes of answers) socket.send(bytes, () => undefined)
    // What is no answer to it leaves the command without one: nothing more comes.
    void taken(socket).then(() => taking.abort())
  }
  socket.once('message', onCommand)
  const subject = commandSubject(parseDeviceId(COMMANDED))
  const { signal } = taking
  const outcome = await commander.request(subject, command, { timeoutMs: COMMAND_MS, signal })
  socket.off('message', onCommand)
  if (outcome.outcome !== 'refused') return outcome.outcome
  if (outcome.code === 500) throw new FindingError(`a command was refused with 500 ${outcome.text}`)
  return `refused ${outcome.code}`
}
