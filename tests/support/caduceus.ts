/** Caduceus alone on a NATS of its own, where the test plays the Talaria that publishes events. */
import { randomUUID } from 'node:crypto'
import {
  jetstream,
  jetstreamManager,
  type JetStreamClient,
  type JetStreamManager,
} from '@nats-io/jetstream'
import { pino } from 'pino'
import { start } from '#apps/caduceus/app.ts'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { webhookIdOf } from '#apps/caduceus/webhook.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { publishEvent } from '#libs/nats/event.ts'
import { encode } from '#libs/wrp/codec.ts'
import { eventTypeOf, parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement } from '#libs/wrp/qos.ts'
import type { UserName } from '#nats/permissions.ts'
import { startTestNats, type TestNats } from './nats.ts'

/** Basic credentials of the two callers that there are. */
export const OWNER = `Basic ${Buffer.from('owner:secret').toString('base64')}`
/** The other one, who owns nothing of the first. */
export const STRANGER = `Basic ${Buffer.from('stranger:secret').toString('base64')}`

/** A key to seal secrets with, in the form of the setting. */
export const SECRET_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`

/** The id of a webhook of {@link OWNER}. */
export const ownedIdOf = (url: string): string => webhookIdOf('basic:owner', url)

/** A published event. */
interface PublishedEvent {
  id: string
  event: WrpMessage
}

/** The bench on which Caduceus is tested. */
export interface CaduceusBench extends AsyncDisposable {
  nats: TestNats
  /** The test as another Caduceus. */
  caduceus: Nats
  jetStream: JetStreamClient
  manager: JetStreamManager
  /** The test as a person who looks how things stand, and reads single messages. */
  operator: JetStreamManager
  /** The test as whoever sets up streams. */
  provisioner: JetStreamManager
  /** A Caduceus that may send to loopback over plain HTTP, and retries without long waits. */
  startCaduceus(environment?: Record<string, string>, log?: Logger): Promise<App>
  /** Publishes an event as Talaria does. */
  publish(event?: Partial<WrpMessage>): Promise<PublishedEvent>
}

/** Starts the bench, without a Caduceus. */
export async function startCaduceusBench(): Promise<CaduceusBench> {
  const log = pino({ level: 'silent' })
  await using starting = new AsyncDisposableStack()
  const testNats = starting.use(await startTestNats())
  const open = (user: UserName) => connectNats({ url: testNats.urlOf(user), name: 'test', log })
  const talaria = jetstream(starting.use(await open('talaria')).connection)
  const caduceus = starting.use(await open('caduceus'))
  const jetStream = jetstream(caduceus.connection)
  const managerOf = async (user: UserName) =>
    jetstreamManager(starting.use(await open(user)).connection, { checkAPI: false })
  const manager = await managerOf('caduceus')
  const operator = await managerOf('operator')
  const provisioner = await managerOf('provisioner')
  const running = starting.move()
  return {
    nats: testNats,
    caduceus,
    jetStream,
    manager,
    operator,
    provisioner,
    startCaduceus: (environment = {}, appLog = log) =>
      start(
        loadConfig(caduceusEnv, {
          NATS_URL: testNats.urlOf('caduceus'),
          CADUCEUS_PORT: '0',
          CADUCEUS_OPERATIONS_PORT: '0',
          CADUCEUS_BASIC_CREDENTIALS: 'owner:secret,stranger:secret',
          CADUCEUS_SECRET_KEYS: SECRET_KEYS,
          CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8',
          CADUCEUS_HTTP_ALLOWED: 'true',
          CADUCEUS_RETRY_DELAYS_MS: '50,50,50',
          ...environment,
        }),
        appLog,
      ),
    async publish(fields = {}) {
      const id = randomUUID()
      const event: WrpMessage = {
        msg_type: 4,
        source: 'mac:112233445566/config',
        dest: 'event:device-status/mac:112233445566/online',
        content_type: 'application/json',
        transaction_uuid: id,
        payload: new TextEncoder().encode(JSON.stringify({ id })),
        partner_ids: ['partner-one'],
        metadata: { '/boot-time': '1700000000' },
        session_id: 'session-one',
        qos: 75,
        ...fields,
      }
      const { dest = '', source = '' } = event
      await publishEvent(talaria, {
        id,
        // The service of a source may be longer than any that a Talaria takes.
        device: parseDeviceId(source.split('/')[0] ?? ''),
        type: eventTypeOf(dest) ?? 'unknown',
        isLow: !needsAcknowledgement(event),
        bytes: encode(event),
        dest,
        source,
      })
      return { id, event }
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Posts a registration: every event, for five minutes, unless `fields` say otherwise. */
export function postHook(
  caduceus: App,
  fields: Record<string, unknown>,
  { path = '/hook', authorization = OWNER } = {},
): Promise<Response> {
  return fetch(`${caduceus.url}${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: authorization },
    body: JSON.stringify({ events: ['.*'], duration: '5m', ...fields }),
  })
}

/** The value of one of Caduceus' metrics; 0 for a line that is not there. */
export async function metricOf(caduceus: App, line: string): Promise<number> {
  const page = await (await fetch(`${caduceus.operationsUrl}/metrics`)).text()
  const found = page.split('\n').find((each) => each.startsWith(`${line} `))
  return Number(found?.slice(line.length + 1) ?? 0)
}
