/** The three questions that Caduceus asks JetStream about consumers, with "it is not there" and "it is there" as answers. */
import {
  JetStreamApiCodes,
  JetStreamApiError,
  type ConsumerConfig,
  type ConsumerInfo,
  type JetStreamManager,
} from '@nats-io/jetstream'
import type { EventStream } from '#libs/nats/stream/event-streams.ts'

/** The server's number for "there is one, of another configuration", which the client has no name for. */
const CONSUMER_EXISTS = 10148

/** What the server says of a consumer; undefined when there is none, or no stream that it could be in. */
export async function findConsumer(
  manager: JetStreamManager,
  stream: EventStream,
  name: string,
): Promise<ConsumerInfo | undefined> {
  try {
    return await manager.consumers.info(stream, name)
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

/** Makes a durable consumer; one of that name that is there already is left as it is. */
export async function addConsumer(
  manager: JetStreamManager,
  stream: EventStream,
  config: Partial<ConsumerConfig> & { durable_name: string },
): Promise<void> {
  try {
    await manager.consumers.add(stream, config)
  } catch (error) {
    if (!hasCode(error, CONSUMER_EXISTS)) throw error
  }
}

/** Removes a consumer; one that is gone already, maybe with its stream, is no failure. */
export async function removeConsumer(
  manager: JetStreamManager,
  stream: EventStream,
  name: string,
): Promise<void> {
  try {
    await manager.consumers.delete(stream, name)
  } catch (error) {
    if (!isGone(error)) throw error
  }
}

/** Whether the stream itself is not there. */
export const isStreamMissing = (error: unknown): boolean =>
  hasCode(error, JetStreamApiCodes.StreamNotFound)

const isGone = (error: unknown): boolean =>
  hasCode(error, JetStreamApiCodes.ConsumerNotFound) || isStreamMissing(error)

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof JetStreamApiError && error.code === code
