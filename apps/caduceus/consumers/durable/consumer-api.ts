/** The three questions that Caduceus asks JetStream about consumers, with "it is not there" and "it is there" as answers. */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
} from '@nats-io/jetstream'

/** The stream that webhooks are fed from. */
export const EVENTS_STREAM = 'EVENTS'

/** The server's number for "there is one, of another configuration", which the client has no name for. */
const CONSUMER_EXISTS = 10148

/** What the server says of a consumer; undefined when there is none. */
export async function findConsumer(
  manager: JetStreamManager,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(EVENTS_STREAM, name)
  } catch (error) {
    if (hasCode(error, JetStreamApiCodes.ConsumerNotFound)) return undefined
    throw error
  }
}

/** Makes a durable consumer; one of that name that is there already is left as it is. */
export async function addConsumer(
  manager: JetStreamManager,
  config: Partial<ConsumerConfig> & { durable_name: string },
): Promise<void> {
  try {
    await manager.consumers.add(EVENTS_STREAM, config)
  } catch (error) {
    if (!hasCode(error, CONSUMER_EXISTS)) throw error
  }
}

/** Removes a consumer; one that is gone already is no failure. */
export async function removeConsumer(manager: JetStreamManager, name: string): Promise<void> {
  try {
    await manager.consumers.delete(EVENTS_STREAM, name)
  } catch (error) {
    if (!hasCode(error, JetStreamApiCodes.ConsumerNotFound)) throw error
  }
}

/** Whether the stream itself is not there. */
export const isStreamMissing = (error: unknown): boolean =>
  hasCode(error, JetStreamApiCodes.StreamNotFound)

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof JetStreamApiError && error.code === code
