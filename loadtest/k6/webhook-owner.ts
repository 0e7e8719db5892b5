/**
 * Somebody who has webhooks: registers them at Caduceus, renews, lists and removes them, and asks
 * the receiver (receiver.ts) what came. k6 itself cannot listen.
 */
import { check } from 'k6'
import { sha256 } from 'k6/crypto'
import http from 'k6/http'
import { CALLER_AUTHORIZATION } from './caller.ts'
import type { SentEvent } from './event-sender.ts'
import { wait } from './fleet.ts'
import {
  deliveryDuration,
  listDuration,
  registerDuration,
  webhookDelivered,
  webhookRepeats,
} from './measures.ts'
import { CADUCEUS, seconds, textOf, TIMEOUT_SECONDS } from './settings.ts'

/** The receiver as Caduceus reaches it, and as this process does; both are one unless told. */
export const RECEIVER = textOf('RECEIVER', 'http://127.0.0.1:6800').replace(/\/+$/, '')
const RECEIVER_SEEN = textOf('RECEIVER_SEEN', RECEIVER).replace(/\/+$/, '')

/** Renewed long before; it only has to end by itself if a run is broken off. */
const REGISTRATION_DURATION = '10m'

/** How often the receiver is asked; the time of a delivery is the receiver's, not this. */
const ASK_MS = 100

/** One delivery, as the receiver tells it. */
interface Delivery {
  transaction: string
  atMs: number
}

/** What the receiver answers. */
interface Deliveries {
  next: number
  deliveries: Delivery[]
}

const headers = { Authorization: CALLER_AUTHORIZATION, 'Content-Type': 'application/json' }
const timeout = seconds(TIMEOUT_SECONDS)

/** @throws when the receiver is not there, so that the run ends before it begins. */
export async function requireReceiver(): Promise<void> {
  const { status, error } = await http.asyncRequest('GET', `${RECEIVER_SEEN}/`, null, { timeout })
  if (status === 200) return
  throw new Error(
    `no receiver at ${RECEIVER_SEEN} (${status} ${error}): start one with "node loadtest/k6/receiver.ts", or say -e RECEIVER=`,
  )
}

/** The URL of the `name`-th webhook, which is its identity. */
export const urlOf = (name: string): string => `${RECEIVER}/hooks/${name}`

/** Registers a webhook for the events of one type, or renews it. */
export async function register(name: string, type: string, what: 'registered' | 'renewed') {
  const body = JSON.stringify({
    config: { url: urlOf(name), content_type: 'application/json', secret: 'a secret of the load' },
    events: [`^${type}/`],
    matcher: { device_id: ['.*'] },
    duration: REGISTRATION_DURATION,
  })
  const response = await http.asyncRequest('POST', `${CADUCEUS}/hook`, body, {
    headers,
    responseType: 'text',
    tags: { name: 'caduceus /hook' },
    timeout,
  })
  registerDuration.add(response.timings.duration)
  const isTaken = check(response, { [`a webhook is ${what}`]: ({ status }) => status === 200 })
  if (!isTaken) console.error(`not ${what}: ${response.status} ${String(response.body)}`)
}

/** Lists the webhooks until this one is among them: another instance took its registration. */
export async function list(name: string): Promise<void> {
  const untilMs = Date.now() + TIMEOUT_SECONDS * 1_000
  let isListed = false
  while (!isListed && Date.now() < untilMs) {
    const { status, body, timings } = await http.asyncRequest('GET', `${CADUCEUS}/hooks`, null, {
      headers,
      responseType: 'text',
      tags: { name: 'caduceus /hooks' },
      timeout,
    })
    if (status === 200) listDuration.add(timings.duration)
    isListed = status === 200 && String(body).includes(`"${urlOf(name)}"`)
    if (!isListed) await wait(ASK_MS)
  }
  check(isListed, { 'a webhook is listed': (value) => value })
}

/** Ends a registration, and lets the receiver forget it. */
export async function remove(name: string): Promise<void> {
  const id = sha256(urlOf(name), 'hex')
  const response = await http.asyncRequest('DELETE', `${CADUCEUS}/hook/${id}`, null, {
    headers,
    tags: { name: 'caduceus /hook/{id}' },
    timeout,
  })
  check(response, { 'a webhook is removed': ({ status }) => status === 204 })
  await http.asyncRequest('DELETE', `${RECEIVER_SEEN}/hooks/${name}`, null, {
    tags: { name: 'receiver' },
    timeout,
  })
}

/** Asks the receiver until all of `events` have come or the time is over, and measures each. */
export async function awaitDeliveries(name: string, events: readonly SentEvent[]): Promise<void> {
  const awaited = new Map(events.map(({ transaction, sentAtMs }) => [transaction, sentAtMs]))
  const known = new Set(awaited.keys())
  const untilMs = Date.now() + TIMEOUT_SECONDS * 1_000
  for (let next = 0; awaited.size > 0 && Date.now() < untilMs;) {
    const page = await askReceiver(name, next)
    for (const { transaction, atMs } of page?.deliveries ?? []) {
      const sentAtMs = awaited.get(transaction)
      if (sentAtMs !== undefined) {
        deliveryDuration.add(Math.max(0, atMs - sentAtMs))
        webhookDelivered.add(true)
        awaited.delete(transaction)
      } else if (known.has(transaction)) webhookRepeats.add(1)
    }
    if (page && page.deliveries.length > 0) next = page.next
    else await wait(ASK_MS)
  }
  for (let left = awaited.size; left > 0; left -= 1) webhookDelivered.add(false)
}

async function askReceiver(name: string, after: number): Promise<Deliveries | undefined> {
  const url = `${RECEIVER_SEEN}/hooks/${name}?after=${after}`
  const { status, body } = await http.asyncRequest('GET', url, null, {
    responseType: 'text',
    tags: { name: 'receiver' },
    timeout,
  })
  return status === 200 ? (JSON.parse(String(body)) as Deliveries) : undefined
}
