/** The webhooks of a run: receivers in processes of their own, registered with Caduceus, and what came. */
import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Fabric } from '#loadtest/chaos/fabric/fabric.ts'
import { createMember, type Member } from '#loadtest/chaos/fabric/member.ts'
import { launchScript } from '#loadtest/chaos/fabric/script-process.ts'
import { wait } from '#libs/retry/wait.ts'
import { postRegistration, registrationOf } from '#tests/support/registration.ts'
import type { Manner } from './receiver.ts'
import type { Delivery, EventRecord } from './records.ts'

const RECEIVER = new URL('receiver.ts', import.meta.url).pathname

/** How often is looked what came. */
const POLL_MS = 200

/** Of one reading of a file. */
const READ_BYTES = 64 * 1_024

/** What a webhook of a scenario is. */
export interface WebhookPlan {
  name: string
  /** Regular expressions, as registered. */
  events: string
  devices: string
  manner?: Manner
}

/** A registered webhook. */
export interface Webhook {
  readonly name: string
  /** As Caduceus knows it. */
  readonly id: string
  readonly manner: Manner
  readonly member: Member
  /** By the event's id; only what the receiver took. */
  readonly deliveries: ReadonlyMap<string, Delivery>
  /** Every POST, whatever was answered. */
  readonly attempts: number
  wants(event: EventRecord): boolean
}

/** All of them. Disposing it stops the reading; the receivers end with the fabric. */
export interface Webhooks extends Disposable {
  readonly all: readonly Webhook[]
  /** Reads what came until now. */
  read(): void
}

/** Starts the receivers and registers them. @throws when Caduceus refuses one. */
export async function startWebhooks(
  fabric: Fabric,
  plans: readonly WebhookPlan[],
): Promise<Webhooks> {
  const started = await Promise.all(plans.map((plan) => startWebhook(fabric, plan)))
  const read = (): void => {
    for (const { readOn } of started) readOn()
  }
  const ending = new AbortController()
  void (async () => {
    while (await wait(POLL_MS, ending.signal)) read()
  })()
  return {
    all: started.map(({ webhook }) => webhook),
    read,
    [Symbol.dispose]: () => ending.abort(),
  }
}

async function startWebhook(
  fabric: Fabric,
  plan: WebhookPlan,
): Promise<{ webhook: Webhook; readOn: () => void }> {
  const { name, events, devices, manner = 'sound' } = plan
  const file = join(fabric.directory, `${name}.deliveries`)
  const port = await fabric.ports.take()
  const member = createMember({
    name,
    role: 'receiver',
    launch: () => launchScript(RECEIVER, [String(port), file, manner]),
  })
  fabric.add(member)
  await member.start()
  const url = `http://127.0.0.1:${port}/${name}`
  const registration = registrationOf(url, [events])
  const caduceus = fabric.caduceuses[0]?.url ?? ''
  const response = await postRegistration(
    caduceus,
    {
      ...registration,
      config: { ...registration.config, content_type: 'application/json' },
      matcher: { device_id: [devices] },
    },
    fabric.callerAuthorization,
  )
  if (!response.ok) throw new Error(`not registered: ${response.status} ${await response.text()}`)
  const deliveries = new Map<string, Delivery>()
  let attempts = 0
  const eventPattern = new RegExp(events)
  const devicePattern = new RegExp(devices)
  const readLine = (line: string): void => {
    const [atMs = '', transaction = '', id = '', isTaken] = line.split('\t')
    attempts += 1
    if (isTaken !== 'true') return
    const delivery = deliveries.get(transaction) ?? {
      ids: new Set<string>(),
      count: 0,
      firstAtMs: Number(atMs),
    }
    delivery.ids.add(id)
    delivery.count += 1
    deliveries.set(transaction, delivery)
  }
  return {
    readOn: createReader(file, readLine),
    webhook: {
      name,
      id: response.headers.get('Xmidt-Webhook-Id') ?? '',
      manner,
      member,
      deliveries,
      get attempts() {
        return attempts
      },
      wants: ({ type, device }) => eventPattern.test(type) && devicePattern.test(device),
    },
  }
}

/** Calls `onLine` with each whole line that was added since the last call. */
function createReader(file: string, onLine: (line: string) => void): () => void {
  const buffer = Buffer.alloc(READ_BYTES)
  let position = 0
  let rest = ''
  return () => {
    let descriptor: number
    try {
      descriptor = openSync(file, 'r')
    } catch {
      // Nothing came yet, or the run is over.
      return
    }
    for (;;) {
      const length = readSync(descriptor, buffer, 0, READ_BYTES, position)
      if (length === 0) break
      position += length
      const lines = (rest + buffer.toString('latin1', 0, length)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onLine(line)
    }
    closeSync(descriptor)
  }
}
