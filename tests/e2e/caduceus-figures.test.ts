import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAppProcess, type AppProcess } from '#tests/support/app-process.ts'
import {
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { freePorts } from '#tests/support/free-ports.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
let receiver: Receiver

beforeAll(async () => {
  bench = await startCaduceusBench()
  receiver = await startReceiver()
})
afterAll(async () => {
  await receiver[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const KILLS = 4
const EVENTS_EACH = 200

/** Every fifth event fails once; a slow answer now and then keeps some in hand at each kill. */
function failSome(): void {
  const failed = new Set<string>()
  receiver.setBehaviour(async ({ headers }, index) => {
    const id = String(headers['webhook-id'])
    if (index % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    if (index % 5 !== 0 || failed.has(id)) return { status: 200 }
    failed.add(id)
    return { status: 503 }
  })
}

type Figures = Record<string, number>

/** One page: whatever it says, it says of one moment. */
async function figuresOf(operationsUrl: string): Promise<Figures | undefined> {
  const page = await (await fetch(`${operationsUrl}/metrics`)).text()
  const id = ownedIdOf(receiver.url)
  const series = new RegExp(
    `^xmidt_caduceus_webhook_events\\{webhook="${id}",state="(\\w+)"\\} (\\d+)$`,
    'gm',
  )
  const found = [...page.matchAll(series)].map(([, state = '', value]) => [state, Number(value)])
  if (found.length === 0) return undefined
  const backlog = page.match(
    new RegExp(`^xmidt_caduceus_webhook_backlog_events\\{webhook="${id}"\\} (\\d+)$`, 'm'),
  )
  return { ...(Object.fromEntries(found) as Figures), backlog: Number(backlog?.[1]) }
}

function expectExact(figures: Figures): void {
  const { matched, delivered = 0, pending = 0, waiting = 0, dead = 0, expired = 0 } = figures
  expect(matched, JSON.stringify(figures)).toBe(delivered + pending + waiting + dead + expired)
}

it('the figures of a webhook add up at any moment, whenever Caduceus is killed', async () => {
  const [operationsPort = 0] = await freePorts(1)
  const operationsUrl = `http://127.0.0.1:${operationsPort}`
  const environment = {
    NATS_URL: bench.nats.urlOf('caduceus'),
    CADUCEUS_PORT: '0',
    CADUCEUS_OPERATIONS_PORT: String(operationsPort),
    CADUCEUS_BASIC_CREDENTIALS: 'owner:secret',
    CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8',
    CADUCEUS_HTTP_ALLOWED: 'true',
    CADUCEUS_ATTEMPT_MS: '500',
    CADUCEUS_LOOK_MS: '100',
    CADUCEUS_RETRY_DELAYS_MS: '300,300',
  }
  failSome()
  const published: string[] = []
  let caduceus: AppProcess = await startAppProcess('caduceus', environment)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => caduceus[Symbol.asyncDispose]())
  expect(
    (
      await postHook({ url: caduceus.url, operationsUrl } as never, {
        config: { url: receiver.url },
      })
    ).status,
  ).toBe(200)

  let lookCount = 0
  for (let kill = 0; kill < KILLS; kill += 1) {
    const publishing = (async () => {
      for (let count = 0; count < EVENTS_EACH; count += 1)
        published.push((await bench.publish()).id)
    })()
    const wanted = receiver.received.length + EVENTS_EACH / 2
    await eventually(
      async () => {
        const figures = await figuresOf(operationsUrl)
        if (figures) {
          expectExact(figures)
          lookCount += 1
        }
        expect(receiver.received.length).toBeGreaterThan(wanted)
      },
      { withinMs: 15_000 },
    )
    await caduceus.kill('SIGKILL')
    caduceus = await startAppProcess('caduceus', environment)
    await publishing
  }
  expect(lookCount).toBeGreaterThan(KILLS)

  const drained = await eventually(
    async () => {
      const figures = await figuresOf(operationsUrl)
      if (!figures) throw new Error('no figures yet')
      expectExact(figures)
      expect(figures).toMatchObject({ pending: 0, waiting: 0, backlog: 0 })
      const received = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
      expect(published.filter((id) => !received.has(id))).toEqual([])
      return figures
    },
    { withinMs: 20_000 },
  )
  // Two retries and four kills: no death was taken for an answer, and nothing ran out.
  expect(drained).toMatchObject({ dead: 0, expired: 0, matched: drained.delivered })
  expect((await bench.operator.streams.info('DEAD_LETTERS')).state.messages).toBe(0)
}, 90_000)
