/** A webhook that gets everything, and an event, for the rules that need no server. */
import type { Hook, Webhook } from '#apps/caduceus/webhook.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'

/** As it is registered. */
export const HOOK: Hook = {
  registered_from_address: '',
  config: { url: 'https://receiver.example/', content_type: '' },
  failure_url: '',
  events: ['.*'],
  matcher: { device_id: ['.*'] },
}

/** As it is kept. */
export const WEBHOOK: Webhook = {
  owner: 'o',
  partnerIds: ['*'],
  registeredAtMs: 0,
  untilMs: 1,
  hook: HOOK,
}

/** A Talaria's, of a device that came. */
export const ONLINE_EVENT: WrpMessage = {
  msg_type: 4,
  source: 'dns:talaria-1.example.com',
  dest: 'event:device-status/mac:112233445566/online',
}
