/** What became of attempts, registrations and events, and why: the values of the metrics' labels, and of log lines. */
import { EVENTS_LOW_STREAM, EVENTS_STREAM } from '#libs/nats/stream/event-streams.ts'

/** What an attempt came to that was no success. */
export const FAILURES = [
  'redirected',
  'rejected',
  'throttled',
  'failed',
  'timed-out',
  'address-refused',
  'unreachable',
] as const

/** What an attempt came to. Only `delivered` is a success. */
export const ATTEMPT_OUTCOMES = ['delivered', ...FAILURES] as const
/** One of {@link ATTEMPT_OUTCOMES}. */
export type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number]

/** Why a delivery is given up: what the last attempt came to, if there was one. */
export const DEAD_LETTER_REASONS = [...FAILURES, 'undecodable'] as const
/** One of {@link DEAD_LETTER_REASONS}. */
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number]

/** What became of a registration. */
export const REGISTRATION_OUTCOMES = [
  'accepted',
  'removed',
  'invalid',
  'partners-missing',
  'body-too-large',
  'webhooks-max',
  'owner-webhooks-max',
  'owner-instructions-max',
  'owner-too-often',
  'consumer-taken',
  'entry-unreadable',
  'secret-unsealed',
  'unavailable',
] as const
/** One of {@link REGISTRATION_OUTCOMES}. */
export type RegistrationOutcome = (typeof REGISTRATION_OUTCOMES)[number]

/** What became of an event at the intake. */
export const NOTIFICATION_OUTCOMES = [
  'accepted',
  'format-unsupported',
  'empty',
  'undecodable',
  'event-missing',
  'event-type-invalid',
  'locator-too-long',
  'type-reserved',
  'partners-missing',
  'partners-foreign',
  'unavailable',
] as const
/** One of {@link NOTIFICATION_OUTCOMES}. */
export type NotificationOutcome = (typeof NOTIFICATION_OUTCOMES)[number]

/** What was being done when something unexpected ended it. */
export const FAULTS = ['event', 'loop', 'registration', 'expiry', 'notice'] as const

/**
 * The reason that is counted when retention took an event, by stream: none of low qos was promised.
 */
export const RETENTION_REASONS = {
  [EVENTS_STREAM]: 'retention',
  [EVENTS_LOW_STREAM]: 'retention-low',
} as const
