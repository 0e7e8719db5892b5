/** How the consumer of a webhook is called, and what a person reads of it in `nats consumer ls`. */
import type { ConsumerInfo } from '@nats-io/jetstream'
import { withoutQuery, type Webhook } from '#apps/caduceus/webhook.ts'

/** What the names of webhooks' consumers begin with. */
const DURABLE_PREFIX = 'webhook_'

/** So much of the id can be read and typed; two webhooks that share it are refused, not mixed up. */
const ID_LENGTH = 16

/** The key of the consumer's metadata that holds the whole id. */
const WEBHOOK_ID_KEY = 'xmidt.webhook'

/** The description stands in one line of a table. */
const DESCRIPTION_LENGTH_MAX = 200

/** The name of a webhook's consumer. */
export const durableOf = (webhookId: string): string =>
  `${DURABLE_PREFIX}${webhookId.slice(0, ID_LENGTH)}`

/** The name that it had until version 0.1: the whole id. */
export const oldDurableOf = (webhookId: string): string => `${DURABLE_PREFIX}${webhookId}`

/** What says whose the consumer is: for programs the id, for people the URL and the owner. */
export function ownershipOf(
  webhookId: string,
  webhook: Webhook,
): { description: string; metadata: Record<string, string> } {
  const text = `${withoutQuery(webhook.hook.config.url)} (${webhook.owner})`
  return {
    // The owner's name is a caller's; the CLI prints it as it is.
    description: text
      .replaceAll(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, '?')
      .slice(0, DESCRIPTION_LENGTH_MAX),
    metadata: { [WEBHOOK_ID_KEY]: webhookId },
  }
}

/** Whose consumer it is, by either name; undefined for one that no Caduceus made. */
export function webhookIdOfConsumer({ name, config }: ConsumerInfo): string | undefined {
  const id = config.metadata?.[WEBHOOK_ID_KEY]
  if (id !== undefined) return id
  return name.match(/^webhook_([0-9a-f]{64})$/)?.[1]
}
