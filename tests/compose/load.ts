/**
 * A small load from outside: devices that send events which they want acknowledged, and a caller
 * that asks devices. It keeps account of what was promised, so that it can be compared with what came.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { basicOf, createCaller, type Caller } from '#tests/support/caller.ts'
import { answerRequests, isOpen } from '#tests/support/device-answers.ts'
import { connectDevice, type TestDevice } from '#tests/support/device.ts'
import type { Access } from './access.ts'

/** High: acknowledged once it is stored. */
const QOS = 75

const EVENT_INTERVAL_MS = 100
const COMMAND_INTERVAL_MS = 100

/** Between attempts to connect; a Petasos or Talaria that was killed is back within seconds. */
const CONNECT_WAIT_MS = 300

/** Above Scytale's own limit for a device: an answer that is not there by then never comes. */
const ANSWER_MS = 40_000

/** What the load saw. */
export interface Account {
  /** Ids of events for which the device got `rdr` 0. */
  readonly acknowledged: ReadonlySet<string>
  /** Events without an answer yet; each is sent again when its device is connected again. */
  readonly unanswered: () => number
  /** Commands by the status that the caller got. */
  readonly answers: ReadonlyMap<number, number>
  /** Commands that got no answer at all: none may. */
  readonly faults: readonly string[]
  /** How often a device had to connect. */
  readonly connects: () => number
}

/** A load that runs until it is disposed of; then it waits for the answers that are owed. */
export interface Load extends AsyncDisposable {
  readonly account: Account
  readonly caller: Caller
  /** Stops sending, keeps the devices: what is on its way may end. */
  settle(): Promise<void>
}

/** Connects as a device does: a token, Petasos' redirect, the websocket. */
export async function connectThroughPetasos(access: Access, id: string): Promise<TestDevice> {
  const themis = await fetch(`${access.themisUrl}/issue`, {
    headers: {
      authorization: basicOf(access.device),
      'x-midt-mac-address': id.replace('mac:', ''),
      'x-midt-partner-id': 'example',
    },
    signal: AbortSignal.timeout(5_000),
  })
  if (!themis.ok) throw new Error(`Themis says ${themis.status}`)
  return connectDevice({
    url: await redirectOf(access.petasosUrl, id),
    deviceId: id,
    token: await themis.text(),
  })
}

/** The Talaria that Petasos names for a device. */
export async function redirectOf(petasosUrl: string, id: string): Promise<string> {
  const response = await fetch(`${petasosUrl}/api/v2/device`, {
    headers: { 'x-webpa-device-name': id },
    redirect: 'manual',
    signal: AbortSignal.timeout(5_000),
  })
  await response.body?.cancel()
  if (response.status !== 307) throw new Error(`Petasos says ${response.status}`)
  return new URL(response.headers.get('location') ?? '').origin
}

/** Starts the load. `inside` are devices that are there already; they are only asked. */
export function startLoad(
  access: Access,
  { outside, inside }: { outside: readonly string[]; inside: readonly string[] },
): Load {
  const ending = new AbortController()
  const stopping = new AbortController()
  const acknowledged = new Set<string>()
  const unanswered = new Map<string, string>()
  const answers = new Map<number, number>()
  const faults: string[] = []
  const asking = new Set<Promise<void>>()
  let connectCount = 0

  const beDevice = async (id: string): Promise<void> => {
    while (!ending.signal.aborted) {
      let device: TestDevice
      try {
        device = await connectThroughPetasos(access, id)
      } catch {
        await sleep(CONNECT_WAIT_MS)
        continue
      }
      connectCount += 1
      answerRequests(device, 'here')
      device.socket.on('error', () => device.socket.terminate())
      listenForAcks(device)
      // What was sent and not acknowledged before is sent again, as Parodus does.
      for (const [event, owner] of unanswered) if (owner === id) sendEvent(device, id, event)
      while (isOpen(device) && !ending.signal.aborted) {
        if (!stopping.signal.aborted) {
          const event = randomUUID()
          unanswered.set(event, id)
          sendEvent(device, id, event)
        }
        await sleep(EVENT_INTERVAL_MS)
      }
      if (ending.signal.aborted) await device.close()
    }
  }
  const listenForAcks = (device: TestDevice): void => {
    const take = async (): Promise<void> => {
      while (isOpen(device)) {
        const ack = await device.next(({ msg_type: type }) => type === 4).catch(() => undefined)
        const event = ack?.transaction_uuid ?? ''
        if (!ack || !unanswered.delete(event)) continue
        // Anything else is a definite "no", which is an answer too.
        if (ack.rdr === 0) acknowledged.add(event)
      }
    }
    void take()
  }

  const caller = createCaller(access.scytaleUrl, basicOf(access.caller))
  const askOne = async (id: string): Promise<void> => {
    const timer = sleep(ANSWER_MS).then(() => undefined)
    try {
      const answer = await Promise.race([caller.ask(id, 'config'), timer])
      if (answer) answers.set(answer.status, (answers.get(answer.status) ?? 0) + 1)
      else faults.push(`${id}: nothing within ${ANSWER_MS} ms`)
    } catch (error) {
      faults.push(`${id}: ${String((error as Error).cause ?? error)}`)
    }
  }
  const ask = async (): Promise<void> => {
    const all = [...outside, ...inside]
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const asked = askOne(all[turn % all.length] ?? '').finally(() => asking.delete(asked))
      asking.add(asked)
      await sleep(COMMAND_INTERVAL_MS)
    }
  }

  const running = [...outside.map(beDevice), ask()]
  return {
    caller,
    account: {
      acknowledged,
      unanswered: () => unanswered.size,
      answers,
      faults,
      connects: () => connectCount,
    },
    async settle() {
      stopping.abort()
      await Promise.all(asking)
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      ending.abort()
      await Promise.all(running)
      await Promise.all(asking)
    },
  }
}

function sendEvent(device: TestDevice, id: string, event: string): void {
  device.send({
    msg_type: 4,
    source: `${id}/load`,
    dest: `event:compose-load/${id}`,
    content_type: 'application/json',
    transaction_uuid: event,
    qos: QOS,
    payload: new TextEncoder().encode(JSON.stringify({ id: event })),
  })
}
