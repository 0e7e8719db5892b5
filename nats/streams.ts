/** The streams and buckets of the fabric, as plain data; `apply.ts` makes a server match them. */
import {
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  StoreCompression,
  type StreamConfig,
} from '@nats-io/jetstream'
import { nanos } from '@nats-io/nats-core'
import {
  DEAD_LETTERS_PER_WEBHOOK_MAX,
  DEAD_LETTERS_STREAM,
} from '#libs/nats/stream/dead-letters.ts'
import { EVENTS_LOW_STREAM, EVENTS_STREAM } from '#libs/nats/stream/event-streams.ts'
import { EVENTS_LOW_STREAM_SUBJECTS, EVENTS_STREAM_SUBJECTS } from '#libs/nats/subjects.ts'
import { SESSIONS_BUCKET } from '#libs/nats/bucket/sessions.ts'
import { TALARIA_LEASE_MS, TALARIAS_BUCKET } from '#libs/nats/bucket/talarias.ts'

const HOUR_MS = 3_600_000
const MIB = 1024 * 1024

/** What an environment decides. */
export interface StreamOptions {
  /** 1 alone, 3 in a cluster. */
  replicas: number
  /** The cap of EVENTS in bytes: what it holds of its 6 hours is the backlog that a webhook may have. */
  eventsBytesMax: number
  /** The cap of EVENTS_LOW likewise: what is in it can push out nothing else. */
  eventsLowBytesMax: number
}

/** Fits a laptop; a fleet sets NATS_EVENTS_BYTES_MAX to hours of its own rate. */
export const EVENTS_BYTES_MAX = 1024 * MIB

/** As much again, for what nobody was told to be kept; a fleet sets NATS_EVENTS_LOW_BYTES_MAX. */
export const EVENTS_LOW_BYTES_MAX = 1024 * MIB

const DEAD_LETTERS_BYTES_MAX = 256 * MIB
const BUCKET_BYTES_MAX = 64 * MIB

/** A million sessions, see ADR 20 for what one takes. Over it a put is refused, and tried again. */
const SESSIONS_BYTES_MAX = 1024 * MIB

/** Larger than any WRP that Talaria takes, smaller than the server's own limit. */
const EVENT_BYTES_MAX = MIB

/**
 * All streams, the buckets' among them, in the order in which they are made: EVENTS once had all
 * events, and gives the subjects of low qos away before EVENTS_LOW can take them.
 */
export function streams(options: StreamOptions): Partial<StreamConfig>[] {
  const { replicas, eventsBytesMax, eventsLowBytesMax } = options
  return [
    {
      name: EVENTS_STREAM,
      description: 'Events of devices that were acknowledged, as they were stamped.',
      subjects: [...EVENTS_STREAM_SUBJECTS],
      max_bytes: eventsBytesMax,
      ...ofEvents(replicas),
    },
    {
      name: EVENTS_LOW_STREAM,
      description: 'Events of devices of low qos, which nobody was told to be kept.',
      subjects: [...EVENTS_LOW_STREAM_SUBJECTS],
      max_bytes: eventsLowBytesMax,
      ...ofEvents(replicas),
    },
    {
      name: DEAD_LETTERS_STREAM,
      description: 'Deliveries that were given up, and why.',
      subjects: ['xmidt.dead.>'],
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      storage: StorageType.File,
      compression: StoreCompression.S2,
      max_age: nanos(7 * 24 * HOUR_MS),
      max_bytes: DEAD_LETTERS_BYTES_MAX,
      max_msgs_per_subject: DEAD_LETTERS_PER_WEBHOOK_MAX,
      duplicate_window: nanos(120_000),
      allow_direct: true,
      num_replicas: replicas,
    },
    {
      ...bucket(TALARIAS_BUCKET, 'Live Talarias; an entry not renewed runs out.', replicas),
      max_age: nanos(TALARIA_LEASE_MS),
      // So that watchers see an entry run out, and do not only count its age themselves.
      allow_msg_ttl: true,
      subject_delete_marker_ttl: nanos(60_000),
      // A window may not be longer than the age.
      duplicate_window: nanos(TALARIA_LEASE_MS),
    },
    {
      ...bucket(SESSIONS_BUCKET, 'Sessions of devices, until their offline event.', replicas),
      max_bytes: SESSIONS_BYTES_MAX,
      // The marker that a purge leaves goes after some seconds: the bucket holds what there is.
      allow_msg_ttl: true,
    },
    bucket('WEBHOOKS', 'Webhook registrations.', replicas),
    {
      ...bucket('WEBHOOK_STATE', 'Retries and places of webhooks.', replicas),
      // What nobody writes again belongs to an event or a webhook that is gone for long.
      max_age: nanos(24 * HOUR_MS),
      // So that what is taken away leaves nothing for long: a sick receiver makes many entries.
      allow_msg_ttl: true,
      subject_delete_marker_ttl: nanos(120_000),
    },
  ]
}

/** What is the same for all streams of events. */
function ofEvents(replicas: number): Partial<StreamConfig> {
  return {
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    storage: StorageType.File,
    compression: StoreCompression.S2,
    max_age: nanos(6 * HOUR_MS),
    max_msg_size: EVENT_BYTES_MAX,
    duplicate_window: nanos(120_000),
    allow_direct: true,
    num_replicas: replicas,
  }
}

/** The stream of a KV bucket, as the client would make it. */
function bucket(name: string, description: string, replicas: number): Partial<StreamConfig> {
  return {
    name: `KV_${name}`,
    description,
    subjects: [`$KV.${name}.>`],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    storage: StorageType.File,
    max_msgs_per_subject: 1,
    max_bytes: BUCKET_BYTES_MAX,
    duplicate_window: nanos(120_000),
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
    num_replicas: replicas,
  }
}
