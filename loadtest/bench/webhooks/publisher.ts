/** Plays the Talaria: publishes events into the stream, at a rate or as fast as they are stored. */
import { jetstream } from '@nats-io/jetstream'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { createLogger } from '#libs/log/logger.ts'
import { publishEvent } from '#libs/nats/event.ts'
import { wait } from '#libs/retry/wait.ts'
import { answerOrders } from '#loadtest/bench/child.ts'
import { eventAt } from './event.ts'

/** What may be asked of this process: publishes so many events, and answers when all are stored. */
export interface PublisherOrder {
  natsUrl: string
  count: number
  /** Absent for as fast as it goes. */
  perSecond?: number
}

/** Events that wait for the stream's acknowledgement. */
const IN_FLIGHT = 64

/** How often events are due, at a rate. */
const TICK_MS = 4

const log = createLogger('publisher', { level: 'warn' })
const connections = new Map<string, Promise<ReturnType<typeof jetstream>>>()

async function open(url: string): Promise<ReturnType<typeof jetstream>> {
  const { connection } = await connectNats({ url, name: 'publisher', log })
  return jetstream(connection)
}

async function publish({ natsUrl, count, perSecond }: PublisherOrder): Promise<object> {
  const opening = connections.get(natsUrl) ?? open(natsUrl)
  connections.set(natsUrl, opening)
  const jetStream = await opening
  const startedAt = performance.now()
  const dueCount = (): number =>
    perSecond === undefined ? count : ((performance.now() - startedAt) * perSecond) / 1_000
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      if (next >= dueCount()) await wait(TICK_MS)
      else {
        next += 1
        await publishEvent(jetStream, eventAt(next))
      }
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  return {}
}

answerOrders(publish)
