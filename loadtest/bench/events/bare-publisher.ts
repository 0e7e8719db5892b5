/**
 * The least that can put events into the stream: the client's own JetStream publish, with an id
 * for each, as many under way as all devices together have. A process of its own.
 */
import { jetstream } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { eventSubject } from '#libs/nats/subjects.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import { answerOrders } from '#loadtest/bench/child.ts'
import type { BareHttpOrder } from '#loadtest/bench/load/bare-http.ts'
import { DEVICE_IDS, eventOf, IN_FLIGHT } from './event.ts'

/** What may be asked of this process: to publish for so long. */
export type PublisherOrder = BareHttpOrder & { ms: number }

/** The answer. */
export interface Published {
  count: number
  seconds: number
}

const EVENTS = DEVICE_IDS.map((id) => ({
  subject: eventSubject(parseDeviceId(id), 'device-report'),
  bytes: eventOf(id),
}))

let count = 0

answerOrders(async ({ natsPort, user, pass, ms }: PublisherOrder): Promise<Published> => {
  await using nats = await connect({
    servers: `127.0.0.1:${natsPort}`,
    user,
    pass,
    noAsyncTraces: true,
  })
  const jetStream = jetstream(nats)
  const before = count
  const startedAt = performance.now()
  const until = startedAt + ms
  const publisher = async ({ subject, bytes }: (typeof EVENTS)[number]): Promise<void> => {
    while (performance.now() < until) {
      await jetStream.publish(subject, bytes, { msgID: `${process.pid}-${count++}` })
    }
  }
  await Promise.all(
    EVENTS.flatMap((event) => Array.from({ length: IN_FLIGHT }, () => publisher(event))),
  )
  return { count: count - before, seconds: (performance.now() - startedAt) / 1_000 }
})
