/**
 * Who may what in NATS, as plain data: the one table from which the configuration for one machine
 * and `production/accounts.conf` are made. What is not written here is refused. A right is added in
 * the change that needs it, with the reason where it does not show.
 */
import {
  streamInfo,
  readEntry,
  writeEntry,
  watchBucket,
  viewStream,
  consumersOf,
  JETSTREAM_STATE,
  OWN_RIGHTS,
  SERVER_STATE,
} from './rights.ts'

/** Accounts are apart from each other: only what one exports and another imports passes between. */
export type AccountName = 'FABRIC' | 'TOOLS' | 'SYSTEM'

/** One user. Its password is the environment's; it is no part of the table. */
export interface UserPermissions {
  readonly user: string
  readonly account: AccountName
  /** Subjects to which it may publish, requests and JetStream's API and acks among them. */
  readonly publish: readonly string[]
  /** Subjects to which it may subscribe. A `*` here also lets a subscription with `*` in. */
  readonly subscribe: readonly string[]
  /** Only as another region's server, by its leaf connection, and never as a client. */
  readonly isRegion?: boolean
}

/** Where a user gets its replies: its own inboxes, which nobody else may read. */
export const inboxOf = (user: string): string => `_INBOX_${user}.>`

/**
 * What tools may ask in FABRIC. Not the messages of WEBHOOKS and WEBHOOK_STATE: a registration holds
 * its receiver's secret. Nothing that makes a consumer, as one that is forgotten weighs on the stream.
 */
const TOOLS_REQUESTS: readonly string[] = [
  'xmidt.device.*.stat',
  ...JETSTREAM_STATE,
  '$JS.API.STREAM.MSG.GET.EVENTS',
  '$JS.API.STREAM.MSG.GET.EVENTS_LOW',
  '$JS.API.STREAM.MSG.GET.DEAD_LETTERS',
  '$JS.API.STREAM.MSG.GET.KV_TALARIAS',
  '$JS.API.DIRECT.GET.KV_TALARIAS.>',
]

/** What passes from FABRIC into TOOLS. */
export const TOOLS_IMPORTS = {
  /** Seen as they are published. */
  streams: ['xmidt.event.>', 'xmidt.dead.>'],
  /** Asked there, answered here. */
  services: TOOLS_REQUESTS,
} as const

/** Whether a Talaria is there, and all of them at once. */
const PINGS = ['xmidt.talarias.ping', 'xmidt.talaria.*.ping']

/** All users. */
export const USERS = [
  {
    user: 'talaria',
    account: 'FABRIC',
    publish: [
      'xmidt.event.*.*.*',
      'xmidt.device.*.session',
      // Answers go to the inboxes of who may ask, named here. `allow_responses` would let whoever
      // asks choose where a Talaria publishes (a reply subject in EVENTS, a bucket), and as a
      // command may take ten minutes the server would remember ten minutes of them.
      inboxOf('scytale'),
      inboxOf('petasos'),
      inboxOf('operator'),
      // A request from TOOLS comes with a reply subject that the server made.
      '_R_.>',
      ...streamInfo('EVENTS', 'EVENTS_LOW', 'KV_SESSIONS'),
      // Its id may have dots, and then the key has several tokens.
      '$KV.TALARIAS.>',
      // Who of the others is gone, and whether it is: each tells the sessions of one that is.
      ...watchBucket('TALARIAS'),
      'xmidt.talaria.*.ping',
      inboxOf('talaria'),
      // A session's entry and a Talaria's own; those of another that is gone, too.
      '$KV.SESSIONS.*',
      '$KV.SESSIONS.*.*',
      '$JS.API.DIRECT.GET.KV_SESSIONS',
      '$JS.API.DIRECT.GET.KV_SESSIONS.$KV.SESSIONS.*.*',
      // What was told of a session already.
      '$JS.API.DIRECT.GET.EVENTS',
      '$JS.API.DIRECT.GET.EVENTS.xmidt.event.*.*.*',
    ],
    subscribe: [
      inboxOf('talaria'),
      // One for each device that it holds. NATS cannot ask for a concrete device here: a Talaria
      // is trusted not to subscribe with a wildcard, and nobody else may subscribe here at all.
      'xmidt.device.*.*',
      'xmidt.talaria.*.*',
      'xmidt.talarias.ping',
    ],
  },
  {
    user: 'scytale',
    account: 'FABRIC',
    publish: [
      'xmidt.device.*.command',
      'xmidt.device.*.stat',
      ...PINGS,
      // Who must have answered before it says that nobody holds a device.
      ...watchBucket('TALARIAS'),
    ],
    subscribe: [inboxOf('scytale')],
  },
  {
    user: 'petasos',
    account: 'FABRIC',
    publish: [...watchBucket('TALARIAS'), ...PINGS],
    subscribe: [inboxOf('petasos')],
  },
  {
    user: 'caduceus',
    account: 'FABRIC',
    publish: [
      // Its notify intake takes events by HTTP.
      'xmidt.event.*.*.*',
      'xmidt.dead.*',
      ...streamInfo('EVENTS', 'EVENTS_LOW', 'DEAD_LETTERS'),
      // The webhooks' consumers. A token cannot be matched in part: no `webhook_*` is possible.
      ...consumersOf('EVENTS'),
      ...consumersOf('EVENTS_LOW'),
      readEntry('WEBHOOKS'),
      writeEntry('WEBHOOKS'),
      ...watchBucket('WEBHOOKS'),
      // Its keys have several tokens: a webhook's, and an event's.
      '$JS.API.DIRECT.GET.KV_WEBHOOK_STATE.$KV.WEBHOOK_STATE.>',
      '$KV.WEBHOOK_STATE.>',
      ...watchBucket('WEBHOOK_STATE'),
      // When the oldest event came that a webhook has not had.
      '$JS.API.DIRECT.GET.EVENTS',
      '$JS.API.DIRECT.GET.EVENTS_LOW',
      // Instances ask each other which events they were given.
      'xmidt.caduceus.taken',
      inboxOf('caduceus'),
    ],
    subscribe: [inboxOf('caduceus'), 'xmidt.caduceus.taken'],
  },
  {
    // `npm run nats:apply`. That never deletes; a person who must does it as this user.
    user: 'provisioner',
    account: 'FABRIC',
    publish: [
      '$JS.API.STREAM.INFO.*',
      '$JS.API.STREAM.CREATE.*',
      '$JS.API.STREAM.UPDATE.*',
      '$JS.API.STREAM.PURGE.*',
      '$JS.API.STREAM.DELETE.*',
    ],
    subscribe: [inboxOf('provisioner')],
  },
  {
    // A person inside the fabric. No subscription here may match a device's subject: it would be a
    // responder, and the 404 would not be definite any more.
    user: 'operator',
    account: 'FABRIC',
    publish: [
      OWN_RIGHTS,
      ...JETSTREAM_STATE,
      ...['EVENTS', 'EVENTS_LOW', 'DEAD_LETTERS', 'KV_TALARIAS', 'KV_SESSIONS'].flatMap(viewStream),
      'xmidt.device.*.stat',
      'xmidt.talarias.ping',
      'xmidt.talaria.*.ping',
      'xmidt.talaria.*.stat',
      'xmidt.talaria.*.gate',
      'xmidt.talaria.*.drain',
      // A dead letter published again. `again` stands where a partition's number does, so what a
      // person sent can be told from what a device sent, and needs no hash of the device's id.
      'xmidt.event.again.*.*',
    ],
    subscribe: [inboxOf('operator'), 'xmidt.event.>', 'xmidt.dead.>'],
  },
  {
    user: 'tools',
    account: 'TOOLS',
    // `bench` is for `nats bench`: nothing in TOOLS listens there, and nothing passes into FABRIC.
    publish: [...TOOLS_REQUESTS, OWN_RIGHTS, 'bench.>'],
    // Everything that there is in TOOLS: `nats sub '>'` is what people type first.
    subscribe: ['>'],
  },
  {
    // What nats-server tells of itself. It changes nothing but a cluster's peers and leader, which
    // can be told to it in no other way.
    user: 'system',
    account: 'SYSTEM',
    publish: [OWN_RIGHTS, ...SERVER_STATE, '$JS.API.META.LEADER.STEPDOWN', '$JS.API.SERVER.REMOVE'],
    subscribe: [inboxOf('system'), '$SYS.>'],
  },
] as const satisfies readonly UserPermissions[]

/**
 * What crosses between two regions, either way: a device's own subjects and the answers to who asks
 * a device. No event and nothing of JetStream: each region has its own.
 */
const CROSSING = ['xmidt.device.*.*', inboxOf('scytale'), inboxOf('operator'), '_R_.>']

/** Another region; only on servers that are joined with one. */
export const REGION: UserPermissions = {
  user: 'region',
  account: 'FABRIC',
  publish: CROSSING,
  subscribe: CROSSING,
  isRegion: true,
}

/** The name of a user. */
export type UserName = (typeof USERS)[number]['user']

/** All names, for whoever makes passwords. */
export const USER_NAMES: readonly UserName[] = USERS.map(({ user }) => user)
