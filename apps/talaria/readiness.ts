/** Whether devices should be sent here: each thing that a Talaria needs, with what is wrong of it. */
import type { Checks } from '#libs/http/operations.ts'
import type { KeysWatch } from '#libs/auth/keys-watch.ts'
import type { Nats } from '#libs/nats/connect.ts'
import type { StreamsWatch } from '#libs/nats/streams-watch.ts'

/** What {@link createChecks} looks at. */
export interface ReadinessOptions {
  connections: readonly Nats[]
  /** Why no event is stored. */
  storeFault: () => string | undefined
  streams: StreamsWatch
  /** Absent for a Talaria that lets devices in without a token. */
  keys: KeysWatch | undefined
  gate: { readonly isOpen: boolean }
  isEnding: () => boolean
}

/** The checks of `/readyz`. */
export const createChecks = (options: ReadinessOptions): Checks => ({
  nats: () => options.connections.every(({ isConnected }) => isConnected) || 'NATS is away',
  stream: () => options.streams.fault ?? options.storeFault() ?? true,
  keys: () => options.keys?.fault ?? true,
  gate: () => options.gate.isOpen || 'the gate is closed',
  life: () => !options.isEnding() || 'it is ending',
})
