/**
 * The life of sessions: a new one ends the old of the same device, takes the device's subjects,
 * says that it is there and that the device is online; its end undoes all that, once.
 */
import type { Msg, Subscription } from '@nats-io/transport-node'
import type { TalariaFaults, TalariaMetrics } from '#apps/talaria/metrics.ts'
import type { CloseReason } from '#apps/talaria/reasons.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { replyError, replyNotTaken, wantsReceipts } from '#libs/nats/command/reply.ts'
import { SubjectError } from '#libs/nats/subject-token.ts'
import { deviceSubjectKind, deviceSubjects, sessionSubject } from '#libs/nats/subjects.ts'
import type { CheckCaller } from './caller-check.ts'
import { Device, type DeviceLimits, type DeviceListener } from './connection/device.ts'
import type { DeviceSocket } from './connection/device-socket.ts'
import { eachPaced, type Devices } from './devices.ts'
import type { DeviceIdentity } from './identity.ts'
import { createStatistics } from './statistics.ts'
import { encodeAnnouncement, judgeTakeover, readAnnouncement } from './takeover.ts'

/** Over how long all sessions are announced again after NATS was away: a burst would hurt it. */
const ANNOUNCE_SPREAD_MS = 5_000

/** Begins sessions. */
export interface Sessions extends Disposable {
  begin(socket: DeviceSocket, identity: DeviceIdentity): void
}

/** The ways up and down that a session's messages go; they know sessions, and not the reverse. */
export interface Ways {
  onFrame: DeviceListener['onFrame']
  onCommand(device: Device, message: Msg): void
  /** The receipts of what was written to the device are to be sent now. */
  onReceiptsWanted(device: Device): void
  /** The device is online, which is to be told. */
  onBegin(device: Device): void
  /** The session is over: nothing of it is waited for any more, and it is to be told. */
  onEnd(device: Device, reason: CloseReason, error: Error | undefined): void
}

/** What {@link createSessions} needs. */
export interface SessionsOptions {
  nats: Nats
  devices: Devices
  ways: Ways
  checkCaller: CheckCaller
  limits: DeviceLimits
  talariaId: string
  metrics: TalariaMetrics
  faults: TalariaFaults
  log: Logger
}

/** Sessions on one connection. */
export function createSessions(options: SessionsOptions): Sessions {
  const { nats, devices, ways, checkCaller, metrics, faults, log, limits } = options
  const subscriptions = new Map<Device, Subscription>()
  const announce = (device: Device): void => announceSession(device, options)
  const statistics = createStatistics(nats)

  const listener: DeviceListener = {
    onFrame: ways.onFrame,
    onEnd(device, reason, error) {
      device.isTakenOver = reason === 'duplicate'
      const { id: deviceId, sessionId } = device
      const facts = { deviceId, sessionId }
      devices.remove(device)
      metrics.disconnects.inc({ reason })
      // One by one: what fails of the end must not leave the rest of it undone.
      faults.try('end', () => release(subscriptions.get(device), nats), facts)
      const wasHeld = subscriptions.delete(device)
      // One that failed before it was held has not begun for anybody.
      if (wasHeld) faults.try('end', () => ways.onEnd(device, reason, error), facts)
      log.debug({ ...facts, reason }, 'device disconnected')
    },
  }
  const parts = { limits, listener, metrics, faults }
  const onMessage = (device: Device, message: Msg): void => {
    try {
      const kind = deviceSubjectKind(message.subject)
      if (kind === 'session') {
        // Also while its websocket is closing: the session lasts, and a newer one ends it.
        if (device.isOpen) onAnnouncement(device, message.data, options)
        return
      }
      if (!device.isReachable) return onLate(device, message, options)
      // Behind what was written, and before the answer.
      if (wantsReceipts(message)) ways.onReceiptsWanted(device)
      if (!checkCaller(device, message)) return
      if (kind === 'command') ways.onCommand(device, message)
      else statistics.answer(device, message)
    } catch (error) {
      onFault(device, message, error, options)
    }
  }

  const announcing = new AbortController()
  const unlisten = nats.onConnectedChange((isConnected) => {
    if (!isConnected) return
    // Whatever was said meanwhile was heard by nobody.
    void eachPaced(devices.all(), ANNOUNCE_SPREAD_MS, announce, announcing.signal)
  })
  const hold = (device: Device): void => {
    const subscription = nats.connection.subscribe(deviceSubjects(device.id), {
      callback: (error, message) => {
        if (!error) onMessage(device, message)
      },
    })
    subscriptions.set(device, subscription)
    devices.add(device)
    announce(device)
    metrics.connects.inc()
    ways.onBegin(device)
    // At debug, as a connect is counted and has its online event: in a storm these lines take a
    // tenth of the time.
    log.debug({ deviceId: device.id, sessionId: device.sessionId }, 'device connected')
  }
  return {
    begin(socket, identity) {
      const old = devices.get(identity.id)
      // First, so that its offline event goes before the online event of the new one.
      old?.end('duplicate')
      const duplications = old ? old.duplications + 1 : 0
      const device = new Device(socket, { identity, duplications }, parts)
      device.guard('connect', () => hold(device))
    },
    [Symbol.dispose]() {
      announcing.abort()
      unlisten()
      statistics[Symbol.dispose]()
    },
  }
}

/** Drains a device's subscription: commands that are on their way are still answered. */
function release(subscription: Subscription | undefined, nats: Nats): void {
  if (!subscription || nats.connection.isClosed()) return
  // While NATS is away nothing is on its way, and nothing would end the drain.
  if (nats.isConnected) subscription.drain().catch(() => undefined)
  else subscription.unsubscribe()
}

/**
 * A command for a session that is over was not written to its device, and its caller is told so.
 * Not after a takeover: the newer session has most likely received the command too, and answers. A
 * question for receipts gets no answer either: it is for whoever holds the device by now.
 */
function onLate(device: Device, message: Msg, { talariaId, metrics }: SessionsOptions): void {
  metrics.downlinkRefusals.inc({ reason: 'device-gone' })
  if (!message.reply || device.isTakenOver || wantsReceipts(message)) return
  replyNotTaken(message, talariaId, device.isLeaving)
}

/** What a message threw ends that message, and its sender hears of it. */
function onFault(device: Device, message: Msg, error: unknown, options: SessionsOptions): void {
  const { metrics, faults } = options
  if (error instanceof SubjectError) {
    return metrics.downlinkRefusals.inc({ reason: 'subject-unknown' })
  }
  const facts = { deviceId: device.id, sessionId: device.sessionId }
  faults.tell('command', error, facts)
  if (message.reply) faults.try('command', () => replyError(message, 500, 'internal error'), facts)
}

function announceSession(device: Device, { nats, talariaId }: SessionsOptions): void {
  // What is published while NATS is away would be heard later, when its age is wrong.
  if (!device.isOpen || !nats.isConnected || nats.connection.isDraining()) return
  const { sessionId, connectedAtMs, ageMs } = device
  nats.connection.publish(
    sessionSubject(device.id),
    encodeAnnouncement({ sessionId, connectedAtMs, ageMs, talaria: talariaId }),
  )
}

function onAnnouncement(device: Device, bytes: Uint8Array, options: SessionsOptions): void {
  const { metrics, log } = options
  const theirs = readAnnouncement(bytes)
  if (!theirs) return metrics.takeovers.inc({ outcome: 'malformed' })
  const judgement = judgeTakeover(device, theirs)
  if (judgement === 'same') return
  if (judgement === 'mine') {
    // The other has to hear of it, as it may hold the device still.
    metrics.takeovers.inc({ outcome: 'kept-mine' })
    return announceSession(device, options)
  }
  metrics.takeovers.inc({ outcome: 'closed-mine' })
  log.debug({ deviceId: device.id, talaria: theirs.talaria }, 'device taken over')
  device.end('duplicate')
}
