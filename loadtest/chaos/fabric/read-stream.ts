/** What a stream holds, read as an operator reads it. */
import { DeliverPolicy, jetstream, type JsMsg } from '@nats-io/jetstream'
import { connectAs } from './connect.ts'
import type { NatsServers } from './nats.ts'

/** Calls `onMessage` with each message of the filter that is there now, in order. */
export async function readStream(
  nats: NatsServers,
  stream: string,
  filter: string,
  onMessage: (message: JsMsg) => void,
): Promise<void> {
  await using operator = await connectAs(nats.urlOf('operator'))
  const consumer = await jetstream(operator.connection).consumers.get(stream, {
    filter_subjects: filter,
    deliver_policy: DeliverPolicy.All,
  })
  const { num_pending: pending } = await consumer.info()
  if (pending === 0) return
  const messages = await consumer.consume()
  for await (const message of messages) {
    onMessage(message)
    if (message.info.pending === 0) break
  }
}
