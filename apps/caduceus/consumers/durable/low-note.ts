/**
 * Whether a webhook has had a consumer in EVENTS_LOW, noted at the one in EVENTS: else one that
 * somebody deleted could not be told from one that was never made, as at an upgrade.
 */
import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream'
import { EVENTS_STREAM } from '#libs/nats/stream/event-streams.ts'
import { findConsumer } from './consumer-api.ts'
import { durableOf, webhookIdOfConsumer } from './durable-name.ts'

const NOTE = { 'xmidt.low': 'made' } as const

/** Whether it says so. @param first the consumer in EVENTS. */
export const isLowNoted = ({ config }: ConsumerInfo): boolean =>
  config.metadata?.['xmidt.low'] === NOTE['xmidt.low']

/** Notes it, once the consumer in EVENTS_LOW is there. @throws the client's errors. */
export async function noteLow(manager: JetStreamManager, webhookId: string): Promise<void> {
  const first = await findConsumer(manager, EVENTS_STREAM, durableOf(webhookId))
  if (!first || webhookIdOfConsumer(first) !== webhookId || isLowNoted(first)) return
  const metadata = { ...first.config.metadata, ...NOTE }
  await manager.consumers.update(EVENTS_STREAM, first.name, { metadata })
}
