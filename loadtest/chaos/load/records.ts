/** What devices, callers and receivers note, for the checks: one record for each thing that was sent. */

/** How a device's connection ended. `killed`: its Talaria was; `orderly`: with a close frame. */
export type ConnectionEnd = 'killed' | 'orderly' | 'lost' | 'left'

/** One connection of a device, from its 101 to its close. */
export interface Connection {
  device: string
  talaria: string
  openedAtMs: number
  closedAtMs?: number
  end?: ConnectionEnd
  /** Known from the first acknowledgement on. */
  session?: string
}

/** An event sent again: after how its connection ended, or as it was refused. */
export interface Resending {
  why: ConnectionEnd | 'refused'
  atMs: number
}

/** One event of a device. Its id is also its transaction. */
export interface EventRecord {
  id: string
  device: string
  type: string
  qos: number
  sentAtMs: number
  /** Each time that it was sent again. */
  resent: Resending[]
  acknowledgedAtMs?: number
  /** The first time that the device was told that it is not stored. */
  refusedAtMs?: number
}

/** One command of a caller. */
export interface CommandRecord {
  transaction: string
  device: string
  /** No device has this id. */
  isMissing: boolean
  scytale: string
  sentAtMs: number
  answeredAtMs?: number
  status?: number
  /** What the caller was told, where it is no answer of the device. */
  text?: string
  /** A 200 with an answer of this command from this device. */
  isOwnAnswer?: boolean
  /** There was no answer: the code of the failure, such as ECONNRESET. */
  failure?: string
}

/** What came of an event at one webhook. */
export interface Delivery {
  /** The ids under which it came: what the stream has. */
  ids: Set<string>
  count: number
  firstAtMs: number
}

/** All records of a run. */
export interface Records {
  readonly connections: Connection[]
  readonly events: Map<string, EventRecord>
  readonly commands: Map<string, CommandRecord>
  /** How often each device ran which command, by the transaction. */
  readonly executions: Map<string, number>
  /** When the process that notes all this stood still. */
  readonly stalls: { fromMs: number; untilMs: number }[]
  /** Refusals of events (rdr other than 0). */
  refusedEvents: number
  /** When all that was owed had come, or its time was over: what is acknowledged later is not looked at. */
  settledAtMs?: number
}

/** Records of a run that begins. */
export const createRecords = (): Records => ({
  connections: [],
  events: new Map(),
  commands: new Map(),
  executions: new Map(),
  stalls: [],
  refusedEvents: 0,
})
