/**
 * One device as the fabric sees it: a token from Themis, the redirect of Petasos followed by hand,
 * and the websocket to the Talaria that was named. k6 answers the pings by itself.
 */
import { b64encode } from 'k6/encoding'
import http from 'k6/http'
import { WebSocket, type MessageEvent } from 'k6/websockets'
import {
  connectDuration,
  deviceConnected,
  devicePings,
  devicesLost,
  redirectDuration,
  tokenDuration,
  websocketDuration,
} from './measures.ts'
import {
  deviceCredential,
  FIRST_DEVICE,
  PARTNER,
  PETASOS,
  seconds,
  THEMIS,
  TIMEOUT_SECONDS,
} from './settings.ts'
import { decode, encode, type Wrp } from './wrp.ts'

/** The ids are macs of this prefix, which no maker has: it is locally administered. */
const PREFIX = '026b36'

/** The same for devices that never connect. */
const PREFIX_MISSING = '026b37'

/** k6's `WebSocket` has this name for the state only in its later versions. */
const OPEN = 1

/** So many failures are told by each VU; the rest is counted only. */
const FAILURES_TOLD_MAX = 3

const AUTHORIZATION = `Basic ${b64encode(deviceCredential())}`

/** What a device does with a message; `atMs` is when it came, with fractions. */
export type OnMessage = (message: Wrp, atMs: number) => void

/** A connected device. */
export interface Device {
  readonly id: string
  /** To connect again with. */
  readonly token: string
  readonly pingCount: number
  readonly isOpen: boolean
  /** Sends a message; false when the connection is gone. */
  send(message: Wrp): boolean
  /** Calls `onMessage` with every message from now on. */
  listen(onMessage: OnMessage): void
  /** Ends the connection, and resolves once it has ended. */
  close(): Promise<void>
  /** Resolves once the connection has ended, whoever ended it. */
  readonly closed: Promise<void>
}

/** The id of the `index`-th device of this run. */
export const deviceIdOf = (index: number): string => macOf(PREFIX, FIRST_DEVICE + index)

/** The id of a device that nobody holds. */
export const missingDeviceId = (): string =>
  macOf(PREFIX_MISSING, Math.floor(Math.random() * 0x1_00_00_00))

const macOf = (prefix: string, number: number): string =>
  `mac:${prefix}${number.toString(16).padStart(6, '0')}`

/**
 * Connects. A failure is counted, told and gives undefined.
 * @param token of an earlier connection; without it, Themis is asked for one.
 */
export async function connectDevice(id: string, token?: string): Promise<Device | undefined> {
  const startedAtMs = Date.now()
  try {
    const shown = token ?? (await issueToken(id))
    const device = await openDevice(id, shown, await askPetasos(id))
    connectDuration.add(Date.now() - startedAtMs)
    deviceConnected.add(true)
    return device
  } catch (error) {
    deviceConnected.add(false)
    tell(`${id} is not connected: ${String(error)}`)
    return undefined
  }
}

async function issueToken(id: string): Promise<string> {
  const { status, body, error, timings } = await http.asyncRequest('GET', `${THEMIS}/issue`, null, {
    headers: {
      Authorization: AUTHORIZATION,
      'X-Midt-Mac-Address': id,
      'X-Midt-Partner-Id': PARTNER,
    },
    responseType: 'text',
    tags: { name: 'themis /issue' },
    timeout: seconds(TIMEOUT_SECONDS),
  })
  if (status !== 200) throw new Error(`Themis says ${status} ${error || String(body)}`)
  tokenDuration.add(timings.duration)
  return String(body)
}

/** The URL of the Talaria that owns the device, as k6's websocket takes it. */
async function askPetasos(id: string): Promise<string> {
  const { status, body, error, headers, timings } = await http.asyncRequest(
    'GET',
    `${PETASOS}/api/v2/device`,
    null,
    {
      headers: { 'X-Webpa-Device-Name': id },
      redirects: 0,
      responseCallback: http.expectedStatuses(307),
      responseType: 'text',
      tags: { name: 'petasos /api/v2/device' },
      timeout: seconds(TIMEOUT_SECONDS),
    },
  )
  if (status !== 307) throw new Error(`Petasos says ${status} ${error || String(body)}`)
  redirectDuration.add(timings.duration)
  return String(headers.Location).replace(/^http/, 'ws')
}

/** Rejects when the Talaria refuses; k6 tells a script no status then. */
function openDevice(id: string, token: string, url: string): Promise<Device> {
  const startedAtMs = Date.now()
  const socket = new WebSocket(url, null, {
    headers: { 'X-Webpa-Device-Name': id, Authorization: `Bearer ${token}` },
    tags: { name: 'talaria /api/v2/device' },
  })
  socket.binaryType = 'arraybuffer'
  const listeners: OnMessage[] = []
  let isEnding = false
  let pingCount = 0
  const isOpen = (): boolean => socket.readyState === OPEN
  const closed = new Promise<void>((resolve) => {
    socket.onclose = () => resolve()
  })
  const device: Device = {
    id,
    token,
    closed,
    get pingCount() {
      return pingCount
    },
    get isOpen() {
      return isOpen()
    },
    send(message) {
      // k6 throws on a socket that is not open.
      if (!isOpen()) return false
      socket.send(encode(message).buffer as ArrayBuffer)
      return true
    },
    listen: (onMessage) => void listeners.push(onMessage),
    close() {
      // One that is not open any more was ended by somebody else, and is lost.
      if (isOpen()) {
        isEnding = true
        socket.close()
      }
      return closed
    },
  }
  socket.onping = () => {
    pingCount += 1
    devicePings.add(1)
  }
  socket.onmessage = (event) => {
    const { data, timestamp } = event as MessageEvent
    const message = decode(new Uint8Array(data as ArrayBuffer))
    for (const listener of listeners) listener(message, timestamp)
  }
  return new Promise((resolve, reject) => {
    socket.onerror = (event) => reject(new Error(`Talaria: ${String(event?.error)}`))
    socket.onopen = () => {
      websocketDuration.add(Date.now() - startedAtMs)
      void closed.then(() => {
        if (isEnding) return
        devicesLost.add(1)
        tell(`${id} lost its connection`)
      })
      resolve(device)
    }
  })
}

let toldCount = 0

function tell(text: string): void {
  toldCount += 1
  if (toldCount <= FAILURES_TOLD_MAX) console.error(text)
}
