/** Whoever looks in on the events with the tools' account: what `nats sub 'xmidt.event.>'` shows. */
import { connectNats } from '#libs/nats/connection/connect.ts'
import { EVENT_SUBJECTS, parseEventSubject } from '#libs/nats/subjects.ts'
import { decode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { logOf, type Stack } from './stack.ts'

/** How long an event may take in a test on a loaded machine. */
const WAIT_MS = 10_000

/** One event as it passed. */
export interface SeenEvent {
  type: string
  device: string | undefined
  message: WrpMessage
  /** The message as it was published. */
  bytes: Uint8Array
}

/** The events since it was opened. */
export interface Events extends AsyncDisposable {
  readonly seen: readonly SeenEvent[]
  /** The first event that fits, of those seen and those to come. Rejects after ten seconds. */
  first(fits: (event: SeenEvent) => boolean): Promise<SeenEvent>
}

/** Looks in on all events of the stack. */
export async function watchEvents(stack: Stack): Promise<Events> {
  const nats = await connectNats({
    url: stack.nats.urlOf('tools'),
    name: 'watcher',
    log: logOf('nats'),
  })
  const seen: SeenEvent[] = []
  const listeners = new Set<(event: SeenEvent) => void>()
  nats.connection.subscribe(EVENT_SUBJECTS, {
    callback: (error, { subject, data }) => {
      if (error) return
      const { type, device } = parseEventSubject(subject)
      const event = { type, device, message: decode(data), bytes: data }
      seen.push(event)
      for (const listener of listeners) listener(event)
    },
  })
  await nats.connection.flush()
  return {
    seen,
    first(fits) {
      const found = seen.find(fits)
      if (found) return Promise.resolve(found)
      return new Promise((resolve, reject) => {
        const listener = (event: SeenEvent): void => {
          if (fits(event)) settle(() => resolve(event))
        }
        const dests = (): string => seen.map(({ message }) => message.dest ?? '').join(', ')
        const timer = setTimeout(
          () => settle(() => reject(new Error(`no such event; there were: ${dests()}`))),
          WAIT_MS,
        )
        const settle = (end: () => void): void => {
          clearTimeout(timer)
          listeners.delete(listener)
          end()
        }
        listeners.add(listener)
      })
    },
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  }
}

/** Whether an event tells that `device` is online. */
export const isOnline =
  (device: string) =>
  ({ message: { dest } }: SeenEvent): boolean =>
    dest === `event:device-status/${device}/online`

/** Whether an event tells that `device` is offline. */
export const isOffline =
  (device: string) =>
  ({ message: { dest } }: SeenEvent): boolean =>
    dest === `event:device-status/${device}/offline`
