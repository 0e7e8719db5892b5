/**
 * The least that can bring events of a stream to receivers: durables of the stream, one `dispatch` of
 * undici for each message, an acknowledgement for each 200. Nothing is decoded, matched, signed or
 * tried again.
 */
import { AckPolicy, jetstream, jetstreamManager, type JsMsg } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { Agent } from 'undici'
import { answerOrders } from '#loadtest/bench/child.ts'

/** What this process is told once. */
export interface BareOrder {
  natsUrl: string
  receiverUrl: string
  webhookCount: number
}

/** How many messages a pull asks for. */
const PULL_MESSAGES = 200

/** Connections to the receivers. */
const CONNECTIONS = 64

const HEADERS = { 'content-type': 'application/json' }

async function begin({ natsUrl, receiverUrl, webhookCount }: BareOrder): Promise<object> {
  const { host, username, password } = new URL(natsUrl)
  const connection = await connect({
    servers: host,
    user: username,
    pass: password,
    noAsyncTraces: true,
  })
  const manager = await jetstreamManager(connection)
  const agent = new Agent({ connections: CONNECTIONS })
  for (let index = 0; index < webhookCount; index += 1) {
    const durable = `bare-${index}`
    const config = { durable_name: durable, ack_policy: AckPolicy.Explicit, max_ack_pending: 1_000 }
    await manager.consumers.add('EVENTS', config)
    const consumer = await jetstream(connection).consumers.get('EVENTS', durable)
    const post = (message: JsMsg): void => {
      const to = {
        origin: receiverUrl,
        path: `/${index}`,
        method: 'POST',
        headers: HEADERS,
      } as const
      agent.dispatch(
        { ...to, body: message.data },
        {
          onRequestStart: () => undefined,
          onResponseStart: () => undefined,
          onResponseData: () => undefined,
          onResponseEnd: () => message.ack(),
          onResponseError: (_, error) => {
            throw error
          },
        },
      )
    }
    await consumer.consume({ max_messages: PULL_MESSAGES, callback: post })
  }
  return {}
}

answerOrders(begin)
