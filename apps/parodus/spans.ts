/** The spans of an agent: a message of the fabric that it hands on, an event of a local service. */
import type { Logger } from '#libs/log/logger.ts'
import { contextOfMessage, withContext } from '#libs/trace/message.ts'
import { traceFields, type Tracer } from '#libs/trace/tracer.ts'
import { eventTypeOf } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import type { DeviceIdentity } from './identity.ts'

/** What they are made with. */
export interface SpansOptions {
  tracer: Tracer | undefined
  identity: DeviceIdentity
  log: Logger
}

/** What a message for a local service came to. */
export type HandedOn = 'delivered' | 'answered' | 'undelivered'

/** Begins handing on `message`; what is returned ends it. */
export function beginHandOn(
  message: WrpMessage,
  service: string,
  { tracer, identity, log }: SpansOptions,
): (outcome: HandedOn) => void {
  const parent = contextOfMessage(message)
  const span = tracer?.begin('deliver to local service', {
    kind: 'server',
    parent,
    attributes: {
      'xmidt.device.id': identity.deviceId,
      'xmidt.service': service,
      'messaging.message.conversation_id': message.transaction_uuid,
    },
  })
  const trace = traceFields(span?.context ?? parent)
  return (outcome) => {
    log.debug({ service, outcome, ...trace }, 'message handed on')
    span?.set({ 'xmidt.delivery.outcome': outcome })
    if (outcome === 'undelivered') span?.fail(outcome)
    span?.end()
  }
}

/**
 * An event with its trace in it, where there is one that is recorded. The span is the taking over
 * from the service: how long the event waits for the fabric is seen by when Talaria's begins.
 */
export function withTrace(
  event: WrpMessage,
  { tracer, identity }: Pick<SpansOptions, 'tracer' | 'identity'>,
): WrpMessage {
  if (!tracer) return event
  const span = tracer.begin('send event', {
    kind: 'producer',
    parent: contextOfMessage(event),
    attributes: {
      'xmidt.device.id': identity.deviceId,
      'xmidt.event.type': eventTypeOf(event.dest ?? ''),
      'messaging.message.conversation_id': event.transaction_uuid,
    },
  })
  span.end()
  return withContext(event, span.context)
}
