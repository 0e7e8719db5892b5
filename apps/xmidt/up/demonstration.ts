/**
 * What makes the fabric worth looking at: devices, each a Parodus with a TR-181 service attached
 * over its local socket, and a webhook receiver registered through Caduceus' API.
 */
import { request } from 'undici'
import { basicAuthorization, OPERATOR } from '#apps/xmidt/access.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { deviceIdOf, startDevice } from '#apps/xmidt/fleet/device.ts'
import { green } from '#apps/xmidt/terminal.ts'
import type { Credentials } from '#apps/xmidt/workspace.ts'
import { wait } from '#libs/retry/wait.ts'
import type { Fabric } from './fabric.ts'
import type { Narrator } from './narration.ts'
import { portOf, type Ports } from './ports.ts'
import { startReceiver } from './receiver.ts'

/** Often enough to see life, seldom enough to read: three devices make a line every 7 s. */
const EVENT_INTERVAL_MS = 20_000

/** Every device is online long before; if one is not, what is there is shown all the same. */
const ONLINE_MS = 8_000

/** How long Caduceus may take for a registration; it makes a consumer on the way. */
const REGISTER_MS = 10_000

/** What the demonstration needs. */
export interface DemonstrationOptions {
  fabric: Fabric
  ports: Ports
  deviceCount: number
  credentials: Credentials
  narrator: Narrator
}

/** Starts the receiver, registers it, starts the devices, and waits until their first events came. */
export async function startDemonstration(options: DemonstrationOptions): Promise<AsyncDisposable> {
  const { narrator, ports, credentials } = options
  await using starting = new AsyncDisposableStack()
  const heardOf = new Set<string>()
  const allOnline = new AbortController()
  const receiver = starting.use(
    await startReceiver({
      port: ports.receiver,
      secret: credentials.webhook,
      onEvent: ({ event, latencyMs }) => {
        if (event.endsWith('/online')) heardOf.add(event)
        if (heardOf.size >= options.deviceCount) allOnline.abort()
        narrator.say(
          'webhook',
          `${green('received')} ${event}${latencyMs === undefined ? '' : `, ${latencyMs} ms after it was sent`}`,
        )
      },
      onBadSignature: () => narrator.say('webhook', 'refused an event with a wrong signature'),
    }),
  )
  await register(options, receiver.url)
  narrator.say('webhook', `registered ${receiver.url} with Caduceus for every event`)
  await Promise.all(
    Array.from({ length: options.deviceCount }, async (_, index) => {
      starting.use(await startDemonstrationDevice(options, index))
    }),
  )
  if (options.deviceCount > 0) await wait(ONLINE_MS, allOnline.signal)
  const running = starting.move()
  return { [Symbol.asyncDispose]: () => running.disposeAsync() }
}

async function register({ fabric, credentials }: DemonstrationOptions, url: string): Promise<void> {
  // Not fetch: it refuses port 6000, where X11 once was.
  const { statusCode, body } = await request(`${fabric.caduceus.url}/hook`, {
    method: 'POST',
    headers: {
      authorization: basicAuthorization(`${OPERATOR}:${credentials.operator}`),
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      config: { url, content_type: 'application/json', secret: credentials.webhook },
      events: ['.*'],
      matcher: { device_id: ['.*'] },
      // As long as an evening: an `up` that runs longer registers again at its next start.
      duration: '12h',
    }),
    signal: AbortSignal.timeout(REGISTER_MS),
  })
  const text = await body.text()
  if (statusCode !== 200) {
    throw new UserError(`Caduceus refused the webhook: ${statusCode} ${text}`)
  }
}

const startDemonstrationDevice = (
  { fabric, credentials, narrator, ports }: DemonstrationOptions,
  index: number,
): Promise<AsyncDisposable> =>
  startDevice({
    id: deviceIdOf(index),
    petasosUrl: fabric.petasos.url,
    themisUrl: fabric.themis.url,
    credential: `device:${credentials.device}`,
    localPort: portOf(ports, 'parodus', index),
    eventIntervalMs: EVENT_INTERVAL_MS,
    loggerOf: (who, app) => narrator.loggerOf(who, app),
  })
