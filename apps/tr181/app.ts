/** A local service of a device, attached to Parodus over its sockets: TR-181 parameters, and events. */
import type { App } from '#libs/lifecycle/app.ts'
import { createLogger } from '#libs/log/logger.ts'
import { listenPull } from '#libs/sp/pull.ts'
import { connectPush } from '#libs/sp/push.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import type { Tr181Config } from './config.ts'
import { createTree } from './tree.ts'
import { answerWdmp } from './wdmp.ts'

/** Medium: Parodus keeps the event until the fabric has it. */
const EVENT_QOS = 50

/** Starts the service. @throws for an address that cannot be listened on. */
export async function start(
  config: Tr181Config,
  log = createLogger('tr181', { level: config.LOG_LEVEL }),
): Promise<App> {
  await using starting = new AsyncDisposableStack()
  const tree = createTree('0123456789')
  const pull = starting.use(
    await listenPull({
      url: config.TR181_URL,
      onMessage(bytes) {
        aliveTimer.refresh()
        const answer = answerTo(bytes, (payload) => answerWdmp(tree, payload))
        if (answer) void push.send(encode(answer))
      },
      onFault: (error) => log.warn({ error: error.message }, 'link ended'),
    }),
  )
  const register = (): void =>
    void push.send(
      encode({
        msg_type: MSG_TYPE.serviceRegistration,
        service_name: config.TR181_SERVICE,
        url: pull.url,
      }),
    )
  // With each link, not only the first: a Parodus that was restarted knows no services.
  const push = starting.use(connectPush(config.TR181_PARODUS_URL, { onConnected: register }))
  const aliveTimer = setInterval(register, config.TR181_KEEP_ALIVE_MS)
  starting.defer(() => clearInterval(aliveTimer))
  const eventTimer = setInterval(
    () => void push.send(encode(event(config.TR181_SERVICE))),
    config.TR181_EVENT_INTERVAL_MS,
  )
  starting.defer(() => clearInterval(eventTimer))
  log.info({ url: pull.url }, 'ready')
  const running = starting.move()
  return {
    url: pull.url,
    operationsUrl: undefined,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** The answer to a request; undefined for what needs none. */
function answerTo(
  bytes: Uint8Array,
  answer: (payload: Uint8Array) => Record<string, unknown>,
): WrpMessage | undefined {
  let message: WrpMessage
  try {
    message = decode(bytes)
  } catch {
    return undefined
  }
  if (message.msg_type !== MSG_TYPE.request || !message.transaction_uuid) return undefined
  return {
    msg_type: MSG_TYPE.request,
    source: message.dest ?? '',
    dest: message.source ?? '',
    transaction_uuid: message.transaction_uuid,
    content_type: 'application/json',
    payload: new TextEncoder().encode(JSON.stringify(answer(message.payload ?? new Uint8Array()))),
  }
}

/** What the device says now and then. `self:` becomes the device's id in Parodus. */
function event(service: string): WrpMessage {
  const payload = {
    timestamp: new Date().toISOString(),
    service,
    memoryFreeBytes: process.memoryUsage().rss,
  }
  return {
    msg_type: MSG_TYPE.event,
    source: `self:/${service}`,
    dest: 'event:device-report/self:/memory',
    content_type: 'application/json',
    payload: new TextEncoder().encode(JSON.stringify(payload)),
    qos: EVENT_QOS,
  }
}
