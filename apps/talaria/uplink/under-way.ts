/**
 * An event that has its place in the window, until it is stored and its device told. One object, no
 * closures: hundreds are on their way at once.
 */
import type { UplinkDropReason } from '#apps/talaria/reasons.ts'
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { Span } from '#libs/trace/tracer.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { needsAcknowledgement, RDR } from '#libs/wrp/qos.ts'
import { acknowledge, type AcknowledgeOptions } from './acknowledge.ts'
import type { EventOwner, Stored } from './first-try.ts'
import type { Window } from './window.ts'

/** What the device is told: only what the stream has is delivered. */
const RDR_OF: Readonly<Record<Stored, number>> = {
  stored: RDR.delivered,
  'too-large': RDR.tooLarge,
  'event-type-invalid': RDR.badFormat,
  'not-stored': RDR.cannotEnqueue,
}

/** In the place of a payload that is not needed any more. */
const NOTHING = new Uint8Array()

/** What {@link UnderWay} needs besides its device. */
export interface UnderWayOptions extends AcknowledgeOptions {
  window: Window
}

/** One event. */
export class UnderWay implements EventOwner {
  readonly #device: Device
  readonly #message: WrpMessage
  readonly #bytes: number
  readonly #options: UnderWayOptions
  /** Of the event on its way into the stream. */
  span: Span | undefined
  #hasPlace = true

  /** @param bytes how many of the window it has. */
  constructor(device: Device, message: WrpMessage, bytes: number, options: UnderWayOptions) {
    this.#device = device
    this.#message = message
    this.#bytes = bytes
    this.#options = options
    // What is kept until the event is stored is its bytes, and they once only. Not deleted: V8 would
    // make a table of the message, which takes a thousand bytes.
    message.payload = NOTHING
  }

  onStored(stored: Stored): void {
    try {
      this.#tell(stored)
    } catch (error) {
      this.onFault(error)
    }
  }

  onFault(error: unknown): void {
    this.#leave()
    this.#device.guard('event', () => {
      throw error
    })
  }

  #tell(stored: Stored): void {
    const { span } = this
    const isAwaited = needsAcknowledgement(this.#message)
    if (stored !== 'stored') {
      span?.fail(stored)
      this.#options.metrics.uplinkDrops.inc({ reason: dropReasonOf(stored, isAwaited) })
    }
    span?.end()
    if (!isAwaited) return this.#leave()
    // Its place is free when the device has its acknowledgement, so those cannot pile up either.
    const leave = (): void => this.#leave()
    acknowledge(this.#device, this.#message, RDR_OF[stored], this.#options, leave)
  }

  #leave(): void {
    if (this.#hasPlace) this.#options.window.leave(this.#device, this.#bytes)
    this.#hasPlace = false
  }
}

/** Of one that is awaited the device is told, so it is not lost yet. */
const dropReasonOf = (stored: Exclude<Stored, 'stored'>, isAwaited: boolean): UplinkDropReason =>
  stored === 'not-stored' && !isAwaited ? 'not-stored-low' : stored
