/** Whether devices should be sent here: each thing that a Talaria needs, with what is wrong of it. */
import type { Checks } from '#libs/http/operations.ts'
import type { KeysWatch } from '#libs/auth/keys-watch.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import type { StreamsWatch } from '#libs/nats/stream/streams-watch.ts'

/** What {@link createChecks} looks at. */
export interface ReadinessOptions {
  commands: Nats
  events: Nats
  /** Why EVENTS stores nothing; EVENTS_LOW alone is no reason to send devices elsewhere. */
  holding: { readonly storeFault: string | undefined }
  streams: StreamsWatch
  /** Absent for a Talaria that lets devices in without a token. */
  keys: KeysWatch | undefined
  gate: { readonly isOpen: boolean }
  state: { readonly isEnding: boolean }
}

/** The checks of `/readyz`. */
export function createChecks(options: ReadinessOptions): Checks {
  const { commands, events, holding, streams, keys, gate, state } = options
  return {
    nats: () => (commands.isConnected && events.isConnected) || 'NATS is away',
    stream: () => streams.fault ?? holding.storeFault ?? true,
    keys: () => keys?.fault ?? true,
    gate: () => gate.isOpen || 'the gate is closed',
    life: () => !state.isEnding || 'it is ending',
  }
}
