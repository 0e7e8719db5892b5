/**
 * Devices that send events as fast as they are acknowledged, each with so many under way. A process
 * of its own, with as little work for each as can be.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'
import { gatherWrites } from '#libs/socket/gathered-writes.ts'
import { decode } from '#libs/wrp/codec.ts'
import { answerOrders } from '#loadtest/bench/child.ts'
import { eventOf, IN_FLIGHT } from './event.ts'

/** What may be asked of this process: to connect, and then to send for so long. */
export type EventDevicesOrder =
  | { act: 'connect'; url: string; devices: { id: string; token: string }[] }
  | { act: 'send'; ms: number }

/** The answer to `send`. */
export interface Sent {
  count: number
  /** Of those looked at, how many were not "delivered". */
  failures: number
  seconds: number
  /** Of one core, 0 to 1. */
  ownCore: number
}

/** To read each acknowledgement would cost more than to send an event. */
const LOOKED_AT_EVERY = 64

interface Sender {
  send(): void
  onAcknowledged: () => void
}

let senders: Sender[] = []
let acknowledged = 0
let failures = 0

async function open(url: string, id: string, token: string): Promise<Sender> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/api/v2/device`, {
    perMessageDeflate: false,
    headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${token}` },
  })
  const upgraded = once(socket, 'upgrade') as Promise<[IncomingMessage]>
  await once(socket, 'open')
  const [{ socket: connection }] = await upgraded
  const bytes = eventOf(id)
  const sender: Sender = {
    send() {
      gatherWrites(connection)
      socket.send(bytes)
    },
    onAcknowledged: () => undefined,
  }
  socket.on('message', (answer: Buffer) => {
    if (acknowledged++ % LOOKED_AT_EVERY === 0 && Number(decode(answer).rdr) !== 0) failures += 1
    sender.onAcknowledged()
  })
  return sender
}

async function send(ms: number): Promise<Sent> {
  acknowledged = 0
  failures = 0
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  const until = startedAt + ms
  await Promise.all(
    senders.map(
      (sender) =>
        new Promise<void>((resolve) => {
          let underWay = IN_FLIGHT
          sender.onAcknowledged = () => {
            if (performance.now() < until) sender.send()
            else if (--underWay === 0) resolve()
          }
          for (let index = 0; index < IN_FLIGHT; index += 1) sender.send()
        }),
    ),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpu)
  return { count: acknowledged, failures, seconds, ownCore: (user + system) / 1e6 / seconds }
}

answerOrders(async (order: EventDevicesOrder): Promise<Sent | object> => {
  if (order.act === 'send') return send(order.ms)
  senders = await Promise.all(order.devices.map(({ id, token }) => open(order.url, id, token)))
  return {}
})
