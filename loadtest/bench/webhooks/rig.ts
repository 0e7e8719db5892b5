/** What is measured: the bare loop or Caduceus, each on a nats-server of its own, with webhooks. */
import { startChild, type Child } from '#loadtest/bench/child.ts'
import { startNats } from '#loadtest/bench/fabric.ts'
import { startAppProcess } from '#tests/support/app-process.ts'
import type { BareOrder } from './bare.ts'

/** One side, running. Disposing it ends it. */
export interface Side extends AsyncDisposable {
  /** Where events are published. */
  natsUrl: string
  /** The processes whose processor time counts. */
  pids: { nats: number; delivery: number }
}

/** The bare loop with so many durables. */
export async function startBare(receiverUrl: string, webhookCount: number): Promise<Side> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startNats())
  const bare = starting.use(startChild('loadtest/bench/webhooks/bare.ts'))
  const natsUrl = nats.urlOf('library')
  const order: BareOrder = { natsUrl, receiverUrl, webhookCount }
  await bare.ask(order)
  const running = starting.move()
  return {
    natsUrl,
    pids: { nats: nats.server.pid, delivery: bare.pid },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Caduceus with so many webhooks at paths of `receiverUrl`, each with a secret; `others` beside. */
export async function startCaduceus(
  receiverUrl: string,
  webhookCount: number,
  { others = [], environment = {} }: StartOptions = {},
): Promise<Side> {
  await using starting = new AsyncDisposableStack()
  const nats = starting.use(await startNats())
  const caduceus = starting.use(
    await startAppProcess('caduceus', {
      NATS_URL: nats.urlOf('caduceus'),
      CADUCEUS_PORT: '0',
      CADUCEUS_OPERATIONS_PORT: '0',
      CADUCEUS_BASIC_CREDENTIALS: 'owner:secret',
      CADUCEUS_SECRET_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
      CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8',
      CADUCEUS_HTTP_ALLOWED: 'true',
      ...environment,
    }),
  )
  const healthy = Array.from({ length: webhookCount }, (_, index) => `${receiverUrl}/${index}`)
  for (const url of [...healthy, ...others]) await register(caduceus.url, url)
  const running = starting.move()
  return {
    natsUrl: nats.urlOf('library'),
    pids: { nats: nats.server.pid, delivery: caduceus.pid },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** What {@link startCaduceus} may be told. */
interface StartOptions {
  /** URLs of further webhooks. */
  others?: readonly string[]
  environment?: Readonly<Record<string, string>>
}

async function register(caduceusUrl: string, url: string): Promise<void> {
  const response = await fetch(`${caduceusUrl}/hook`, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from('owner:secret').toString('base64')}`,
    },
    body: JSON.stringify({
      config: { url, content_type: 'application/json', secret: `a secret of ${url}` },
      events: ['device-status/.*'],
      matcher: { device_id: ['mac:.*'] },
      duration: '1h',
    }),
  })
  if (!response.ok) throw new Error(`registration: ${response.status} ${await response.text()}`)
}

/** The receivers and the publisher, which both sides share. */
export interface Load extends AsyncDisposable {
  receiver: Child
  receiverUrl: string
  publisher: Child
}

/** Starts them. */
export async function startLoad(): Promise<Load> {
  const receiver = startChild('loadtest/bench/webhooks/receiver.ts')
  const publisher = startChild('loadtest/bench/webhooks/publisher.ts')
  const { url } = await receiver.ask<{ url: string }>({ act: 'listen' })
  return {
    receiver,
    receiverUrl: url,
    publisher,
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]()
      await publisher[Symbol.asyncDispose]()
    },
  }
}
