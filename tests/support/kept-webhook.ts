/** A registration as an earlier Caduceus kept it, under the id of its URL alone. */
import { Kvm } from '@nats-io/kv'
import { urlIdOf } from '#apps/caduceus/webhook.ts'
import type { CaduceusBench } from './caduceus.ts'

/** Puts it into the bucket: all events of all devices, for five minutes. */
export async function keepWebhook(
  { jetStream }: CaduceusBench,
  url: string,
  { owner = 'owner', devices = ['.*'] }: { owner?: string; devices?: string[] } = {},
): Promise<void> {
  const bucket = await new Kvm(jetStream).open('WEBHOOKS', { allow_direct: true })
  const hook = {
    registered_from_address: '',
    config: { url, content_type: '' },
    failure_url: '',
    events: ['.*'],
    matcher: { device_id: devices },
  }
  const registeredAtMs = Date.now()
  const untilMs = registeredAtMs + 300_000
  const record = { owner, partnerIds: ['*'], registeredAtMs, untilMs, hook }
  await bucket.put(urlIdOf(url), JSON.stringify(record))
}
