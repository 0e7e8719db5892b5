/** The commands that wait for their device's answer, by device and transaction, with their timers. */
import type { Device } from '#apps/talaria/session/device.ts'
import type { Command } from './command.ts'

/** A command that waits. */
interface Pending {
  command: Command
  receiptTimer: NodeJS.Timeout
  deadlineTimer: NodeJS.Timeout
}

/** The commands that wait. */
export class Waiting {
  readonly #devices = new Map<Device, Map<string, Pending>>()

  /** Those of one device; undefined when there are none. */
  of(device: Device): ReadonlyMap<string, Pending> | undefined {
    return this.#devices.get(device)
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
