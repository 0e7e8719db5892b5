/** Why Talaria refused, dropped or ended something: the values of its metrics' labels, and of its log lines. */

/** Why a connect was refused. */
export const CONNECT_REFUSALS = [
  'gate-closed',
  'overloaded',
  'devices-max',
  'device-name-missing',
  'device-name-invalid',
  'token-missing',
  'token-invalid',
  'token-key-unknown',
  'token-expired',
  'token-claims',
  'scheme-unsupported',
  'keys-unavailable',
  'device-mismatch',
  'path-unknown',
] as const
/** One of {@link CONNECT_REFUSALS}. */
export type RefusalReason = (typeof CONNECT_REFUSALS)[number]

/** Why a connection ended. */
export const CLOSES = [
  'readerror',
  'write-error',
  'idle',
  'duplicate',
  'drained',
  'too-large',
  'shutdown',
  'told-offline',
  'fault',
] as const
/** One of {@link CLOSES}. */
export type CloseReason = (typeof CLOSES)[number]

/** Why something that a device sent went no further. */
export const UPLINK_DROPS = [
  'text-frame',
  'malformed',
  'source-missing',
  'source-foreign',
  'locator-too-long',
  'type-unsupported',
  'transaction-unknown',
  'dest-unroutable',
  'dest-reserved',
  'event-type-invalid',
  'event-types-max',
  'too-large',
  'window-full',
  'not-stored',
  'not-stored-low',
] as const
/** One of {@link UPLINK_DROPS}. */
export type UplinkDropReason = (typeof UPLINK_DROPS)[number]

/** Whose sessions were told offline by somebody else. */
export const TOLD_FOR = ['talaria-gone', 'talaria-restarted'] as const
/** One of {@link TOLD_FOR}; also the reason in the event. */
export type ToldReason = (typeof TOLD_FOR)[number]

/** Why something for a device did not reach it, or had no answer. */
export const DOWNLINK_REFUSALS = [
  'malformed',
  'dest-foreign',
  'partner-foreign',
  'caller-foreign',
  'transaction-missing',
  'transaction-duplicate',
  'queue-full',
  'deadline',
  'answer-too-large',
  'device-closed',
  'device-gone',
  'leaving',
  'subject-unknown',
  'acknowledgement-lost',
] as const
/** One of {@link DOWNLINK_REFUSALS}. */
export type DownlinkRefusalReason = (typeof DOWNLINK_REFUSALS)[number]

/** Why events are not stored. */
export const STORE_FAULTS = [
  'stream-missing',
  'writes-refused',
  'refused-by-server',
  'unavailable',
] as const
/** One of {@link STORE_FAULTS}. */
export type StoreFault = (typeof STORE_FAULTS)[number]

/** Why a device was not read from for a while. */
export const READING_PAUSES = ['events', 'bytes-rate', 'frames-rate', 'loop-share'] as const

/** What was being done when something unexpected ended it. */
export const FAULTS = [
  'upgrade',
  'refusal',
  'connect',
  'frame',
  'socket',
  'tick',
  'paced',
  'leaving',
  'event',
  'command',
  'answer',
  'deadline',
  'end',
  'presence',
  'operator',
] as const
/** One of {@link FAULTS}. */
export type FaultKind = (typeof FAULTS)[number]
