/** What Parodus' tests put around it: a fabric (issuer, redirector, websocket server) and a local service. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, expect } from 'vitest'
import { WebSocketServer, type WebSocket } from 'ws'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import type { Logger } from '#libs/log/logger.ts'
import { listenPull } from '#libs/sp/pull.ts'
import { connectPush } from '#libs/sp/push.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { start } from '#apps/parodus/app.ts'
import { parodusEnv } from '#apps/parodus/config.ts'

/** The device of these tests. */
export const DEVICE = 'mac:112233445566'
/** What ends with the test. */
export let running: AsyncDisposableStack
beforeEach(() => void (running = new AsyncDisposableStack()))
afterEach(() => running.disposeAsync())

const tokenUntil = (expiresAtSeconds: number): Promise<string> =>
  new SignJWT({ jti: String(Math.random()) })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime(expiresAtSeconds)
    .sign(new Uint8Array(32))

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>

/** An HTTP server until the end of the test. */
export async function listenHttp(answer: Answer) {
  const server = createServer((request, response) => void answer(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  running.defer(() => server.closeAllConnections())
  running.defer(() => void server.close())
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** An issuer, a redirector and a holder of connections; what each does next is the test's business. */
export async function startFabric() {
  const fabric = {
    /** Statuses of the next answers; then tokens and upgrades. */
    tokenRefusals: [] as number[],
    upgradeRefusals: [] as number[],
    tokenSeconds: 3_600,
    isCircle: false,
    firstFrame: undefined as Uint8Array | undefined,
    tokenRequests: [] as IncomingMessage[],
    redirects: 0,
    upgrades: [] as IncomingMessage[],
    sockets: [] as WebSocket[],
    messages: [] as WrpMessage[],
    themisUrl: '',
    petasosUrl: '',
    connection: async (count: number): Promise<WebSocket> => {
      await expect.poll(() => fabric.sockets.length, { timeout: 8_000 }).toBe(count)
      return there(fabric.sockets[count - 1])
    },
    message: async (index: number): Promise<WrpMessage> => {
      await expect.poll(() => fabric.messages.length, { timeout: 5_000 }).toBeGreaterThan(index)
      return there(fabric.messages[index])
    },
  }
  const talaria = await listenHttp((_, response) => void response.writeHead(404).end())
  const sockets = new WebSocketServer({ noServer: true })
  talaria.server.on('upgrade', (request, socket, head) => {
    fabric.upgrades.push(request)
    const refusal = fabric.upgradeRefusals.shift()
    if (refusal) return void socket.end(`HTTP/1.1 ${refusal} No\r\nContent-Length: 0\r\n\r\n`)
    sockets.handleUpgrade(request, socket, head, (device) => {
      device.on('error', () => {})
      device.on('message', (data) => fabric.messages.push(decode(data as Buffer)))
      if (fabric.firstFrame) device.send(fabric.firstFrame)
      fabric.sockets.push(device)
    })
  })
  const petasos = await listenHttp(() => {})
  petasos.server.on('upgrade', (_, socket) => {
    fabric.redirects += 1
    const to = fabric.isCircle ? petasos.url : talaria.url
    socket.end(
      `HTTP/1.1 307 Temporary Redirect\r\nLocation: ${to}/elsewhere?q=1\r\nContent-Length: 0\r\n\r\n`,
    )
  })
  const themis = await listenHttp(async (request, response) => {
    fabric.tokenRequests.push(request)
    const refusal = fabric.tokenRefusals.shift()
    if (refusal) return void response.writeHead(refusal).end('no')
    response.end(await tokenUntil(Math.floor(Date.now() / 1_000) + fabric.tokenSeconds))
  })
  const themisUrl = new URL('/issue', themis.url)
  themisUrl.username = 'device'
  themisUrl.password = 'p%40ss'
  return Object.assign(fabric, { themisUrl: themisUrl.href, petasosUrl: petasos.url })
}

type Fabric = Awaited<ReturnType<typeof startFabric>>

/** A Parodus that tries often, until the end of the test. */
export async function startParodus(
  fabric: Fabric,
  more: Record<string, string> = {},
  log?: Logger,
): Promise<App> {
  const app = await start(
    loadConfig(parodusEnv, {
      LOG_LEVEL: 'silent',
      PARODUS_DEVICE_ID: DEVICE,
      PARODUS_PETASOS_URL: fabric.petasosUrl,
      PARODUS_THEMIS_URL: fabric.themisUrl,
      PARODUS_LOCAL_URL: 'tcp://127.0.0.1:0',
      PARODUS_OPERATIONS_PORT: '0',
      PARODUS_BACKOFF_FIRST_MS: '5',
      PARODUS_BACKOFF_MAX_MS: '50',
      PARODUS_MODEL: 'M1',
      ...more,
    }),
    log,
  )
  running.use(app)
  return app
}

/** A local service that has registered; by itself it answers nothing. */
export async function startService(parodus: App, name = 'config') {
  const messages: WrpMessage[] = []
  const pull = running.use(
    await listenPull({
      url: 'tcp://127.0.0.1:0',
      onMessage: (bytes) => messages.push(decode(bytes)),
    }),
  )
  const push = running.use(connectPush(parodus.url))
  const send = (message: WrpMessage): Promise<boolean> => push.send(encode(message))
  await send({ msg_type: MSG_TYPE.serviceRegistration, service_name: name, url: pull.url })
  await expect
    .poll(() => messages[0])
    .toMatchObject({ msg_type: MSG_TYPE.authorization, status: 200 })
  const message = async (type: number): Promise<WrpMessage> =>
    expect
      .poll(() => messages.find((each) => each.msg_type === type), { timeout: 5_000 })
      .toBeDefined()
      .then(() => there(messages.find((each) => each.msg_type === type)))
  return { messages, message, send, push, pull }
}

/** A request of the cloud for a service. */
export const request = (service: string, more: Partial<WrpMessage> = {}): WrpMessage => ({
  msg_type: MSG_TYPE.request,
  source: 'dns:scytale',
  dest: `${DEVICE}/${service}`,
  transaction_uuid: 't1',
  payload: new TextEncoder().encode('{}'),
  ...more,
})
/** An event of the service. */
export const event = (name: string, qos: number): WrpMessage => ({
  msg_type: MSG_TYPE.event,
  source: `${DEVICE}/config`,
  dest: `event:${name}`,
  transaction_uuid: name,
  qos,
})
/** The payload as what its JSON says. */
export const jsonOf = (message: WrpMessage): unknown =>
  JSON.parse(new TextDecoder().decode(message.payload))
/** The value of one line of the metrics page, 0 when it is not there. */
export const metricOf = async (app: App, line: string): Promise<number> => {
  const page = await (await fetch(`${app.operationsUrl}/metrics`)).text()
  return Number(
    page
      .split('\n')
      .find((each) => each.startsWith(`${line} `))
      ?.split(' ')[1] ?? 0,
  )
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it was there a moment ago')
  return value
}
