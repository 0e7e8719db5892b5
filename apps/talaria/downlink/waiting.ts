/** The commands that wait for their device's answer, by device and transaction, with their timers. */
import type { Device } from '#apps/talaria/session/connection/device.ts'
import type { Command } from './command.ts'

/** A command that waits. */
export interface Pending {
  command: Command
  /** Until the receipt is sent. */
  receiptTimer: NodeJS.Timeout | undefined
  deadlineTimer: NodeJS.Timeout
}

/** The commands that wait. */
export class Waiting {
  readonly #devices = new Map<Device, Map<string, Pending>>()

  /** Those of one device; undefined when there are none. */
  of(device: Device): ReadonlyMap<string, Pending> | undefined {
    return this.#devices.get(device)
  }

  /** Those of one device, or of all. */
  *all(device?: Device): Iterable<Pending> {
    if (device) return yield* this.#devices.get(device)?.values() ?? []
    for (const own of this.#devices.values()) yield* own.values()
  }

  add(transactionUuid: string, pending: Pending): void {
    const { device } = pending.command
    device.beginCommand()
    const own = this.#devices.get(device) ?? new Map<string, Pending>()
    this.#devices.set(device, own.set(transactionUuid, pending))
  }

  /** Takes a command out; undefined when none waits. */
  settle(device: Device, transactionUuid: string): Command | undefined {
    const own = this.#devices.get(device)
    const found = own?.get(transactionUuid)
    if (!own || !found) return undefined
    own.delete(transactionUuid)
    if (own.size === 0) this.#devices.delete(device)
    device.commandsPending -= 1
    clearTimeout(found.receiptTimer)
    clearTimeout(found.deadlineTimer)
    return found.command
  }
}
