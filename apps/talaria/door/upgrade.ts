/**
 * From an upgrade request to a websocket: refused with a definite answer, or handed on with the
 * identity of the device. What a session is begins after that.
 */
import type { IncomingMessage } from 'node:http'
import { WebSocketServer } from 'ws'
import type { TalariaConfig } from '#apps/talaria/config.ts'
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { Gate } from '#apps/talaria/operations/gate.ts'
import { CLOSE_MS } from '#apps/talaria/session/connection/device.ts'
import { DeviceSocket } from '#apps/talaria/session/connection/device-socket.ts'
import type { DeviceIdentity } from '#apps/talaria/session/identity.ts'
import type { Devices } from '#apps/talaria/session/devices.ts'
import type { Verifier } from '#libs/auth/verify.ts'
import type { TakeUpgrade } from '#libs/http/server.ts'
import type { Logger } from '#libs/log/logger.ts'
import { deviceIdOfHeaders, identify, type ApiVersion } from './identify.ts'
import { createPacedRefusals, type Applicant } from './paced-refusals.ts'
import { Refusal } from './refusal.ts'

/** What {@link createUpgrade} needs. */
export interface UpgradeOptions {
  config: TalariaConfig
  verifier: Verifier
  gate: Gate
  devices: Devices
  onDevice: (socket: DeviceSocket, identity: DeviceIdentity) => void
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** The way in. Disposing it lets go of those who wait for a refusal. */
export interface Upgrade extends Disposable {
  /** Takes an upgrade request, which ends as a session or refused. */
  readonly take: TakeUpgrade
}

/** Opens the way in. */
export function createUpgrade(options: UpgradeOptions): Upgrade {
  const { config, metrics, faults, log, onDevice } = options
  const holdMs = config.TALARIA_REFUSAL_HOLD_MS
  const refusals = createPacedRefusals({ holdMs, metrics, faults, log })
  // Not in place: the types of ws do not have `closeTimeout` yet.
  const socketOptions = {
    noServer: true,
    WebSocket: DeviceSocket,
    // Compression would cost each device 300 KiB, and devices do not offer it.
    perMessageDeflate: false,
    maxPayload: config.TALARIA_FRAME_BYTES_MAX,
    clientTracking: false,
    // A device that sends a close frame and keeps its connection would be held for half a minute.
    closeTimeout: CLOSE_MS,
  }
  const sockets = new WebSocketServer(socketOptions)
  let underWay = 0
  const take: Upgrade['take'] = (request, socket, head) => {
    const onError = (): void => void socket.destroy()
    socket.on('error', onError)
    underWay += 1
    admit(request, underWay > config.TALARIA_UPGRADES_MAX, options)
      .then((identity) => {
        if (socket.destroyed) return
        socket.off('error', onError)
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          webSocket.connection = socket
          onDevice(webSocket, identity)
        })
      })
      .catch((error: unknown) => {
        if (!(error instanceof Refusal)) throw error
        refusals.refuse(socket, error, applicantOf(request))
      })
      .catch((error: unknown) => {
        faults.tell('upgrade', error, { deviceName: applicantOf(request).name })
        socket.destroy()
      })
      .finally(() => (underWay -= 1))
  }
  return { take, [Symbol.dispose]: () => refusals[Symbol.dispose]() }
}

/** What is told of a name that is none. */
const NAME_LENGTH_MAX = 64

function applicantOf({ headers, socket }: IncomingMessage): Applicant {
  const address = socket.remoteAddress
  try {
    return { name: deviceIdOfHeaders(headers), address }
  } catch {
    const said = [headers['x-webpa-device-name']].flat()[0] ?? ''
    return { name: said.slice(0, NAME_LENGTH_MAX), address }
  }
}

/** @throws {Refusal}, in upstream's order of checks. */
async function admit(
  request: IncomingMessage,
  isOverloaded: boolean,
  options: UpgradeOptions,
): Promise<DeviceIdentity> {
  const { config, gate, devices, verifier } = options
  const path = (request.url ?? '').split('?', 1)[0] ?? ''
  const [, version] = path.match(/^\/api\/(v2|v3)\/device\/?$/) ?? []
  if (!version) throw new Refusal('path-unknown', 404, `there is no ${path}`)
  if (!gate.isOpen) throw new Refusal('gate-closed', 503, '')
  if (isOverloaded) throw new Refusal('overloaded', 503, 'too many devices connect at once')
  const identity = await identify(request.headers, version as ApiVersion, {
    verifier,
    isOpen: config.TALARIA_OPEN,
  })
  // Again: the token took its time.
  if (!gate.isOpen) throw new Refusal('gate-closed', 503, '')
  if (devices.count >= config.TALARIA_DEVICES_MAX && !devices.get(identity.id)) {
    throw new Refusal('devices-max', 503, 'this Talaria holds all the devices that it may')
  }
  return identity
}
