/** What Caduceus can be told, each with its default and the reason for it. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import {
  bytes,
  credentialList,
  durationMs,
  flag,
  host,
  integer,
  list,
  operationsHost,
  port,
  text,
} from '#libs/config/fields.ts'
import { tokenAgeMax, tokenAudience, tokenIssuer } from '#libs/config/tokens.ts'
import { secretKeysField } from './secret-keys.ts'

const HOUR_MS = 3_600_000

/**
 * Waits before the second, third, … attempt. Together less than the six hours that the stream
 * EVENTS keeps an event: a later attempt would find nothing to deliver.
 */
const RETRY_DELAYS_MS = [1_000, 5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, 7_200_000]

/** More attempts than this tell nobody anything new. */
const RETRY_DELAYS_MAX = 20

const RETRY_DELAYS_ABOUT =
  `The waits in milliseconds before each further attempt of a delivery, ${RETRY_DELAYS_MAX} values at most; ` +
  'after the last one it is a dead letter.'

/** Caduceus' environment. */
export const caduceusEnv = z.object({
  ...commonFields,
  CADUCEUS_HOST: host('Where the API listens.'),
  CADUCEUS_PORT: port('The port of the API.', 6000),
  CADUCEUS_OPERATIONS_HOST: operationsHost(),
  CADUCEUS_OPERATIONS_PORT: port('The port of health and metrics.', 6001),
  CADUCEUS_JWKS_URL: text(
    'Where the keys are that sign the tokens of callers.',
    'http://127.0.0.1:6500/.well-known/jwks.json',
  ),
  CADUCEUS_TOKEN_ISSUER: tokenIssuer(),
  CADUCEUS_TOKEN_AUDIENCE: tokenAudience(),
  CADUCEUS_TOKEN_AGE_MAX_MS: tokenAgeMax(),
  CADUCEUS_BASIC_CREDENTIALS: credentialList('Callers with a password, each `user:password`.'),
  CADUCEUS_ADMINISTRATORS: list(
    'Callers who see the webhooks of all owners, each kind and name: `basic:operator`, `jwt:subject`.',
  ),
  CADUCEUS_OPEN: flag('Lets everybody in: for development only.', false),
  CADUCEUS_SECRET_KEYS: secretKeysField(
    'Keys that the secrets of webhooks are sealed with in NATS, `name:key` with 32 bytes in base64. ' +
      'The first seals, all open. Without any no registration with a secret is taken.',
  ),
  CADUCEUS_CAPABILITY_PREFIX: text(
    'What a token’s capability begins with to count here.',
    'x1:webpa:api:',
  ),
  CADUCEUS_NOTIFY_CAPABILITY_PREFIX: text(
    'What a token’s capability begins with to bring events to the intake.',
    'x1:webpa:notify:',
  ),
  CADUCEUS_ADDRESSES_ALLOWED: list(
    'Networks in CIDR form that receivers may be in although they are private.',
  ),
  CADUCEUS_DNS_SERVERS: list(
    'Name servers for receivers, each an address with or without a port; none for the system’s.',
  ),
  CADUCEUS_HTTP_ALLOWED: flag('Takes receivers without TLS.', false),
  CADUCEUS_BODY_BYTES_MAX: bytes(
    'The largest body of a request; an event and its headers must fit into the 1 MiB of the stream.',
    960 * 1024,
  ),
  CADUCEUS_WEBHOOKS_MAX: integer(
    'How many webhooks there may be; each is a durable consumer, and a server carries some thousands.',
    5_000,
    { min: 1 },
  ),
  CADUCEUS_OWNER_WEBHOOKS_MAX: integer(
    'How many webhooks one owner may have; one that ended counts until it is swept.',
    1_000,
    { min: 1 },
  ),
  CADUCEUS_OWNER_INSTRUCTIONS_MAX: integer(
    'How many RE2 instructions the patterns of all webhooks of one owner may have; each takes some 200 bytes of memory.',
    50_000,
    { min: 1 },
  ),
  CADUCEUS_OWNER_CHANGES_PER_MINUTE: integer(
    'How many registrations and removals one owner may send a minute, and so many at once after a pause.',
    600,
    { min: 1 },
  ),
  CADUCEUS_REGISTRATION_MS_MAX: durationMs(
    'How long a registration may live before it must be renewed; 24 h is what upstream’s store allowed.',
    24 * HOUR_MS,
    { minMs: 1_000, maxMs: 20 * 24 * HOUR_MS },
  ),
  CADUCEUS_EXPIRED_GRACE_MS: durationMs(
    'How long an expired webhook’s place in the stream is kept, so that a late renewal loses nothing; upstream’s linger.',
    180_000,
  ),
  CADUCEUS_SWEEP_MS: durationMs('How often expired webhooks are looked for.', 30_000, {
    minMs: 50,
  }),
  CADUCEUS_ORPHAN_AGE_MS: durationMs(
    'From which age on a consumer is removed that has no webhook; a younger one may belong to a registration that is being made.',
    60_000,
  ),
  CADUCEUS_LOOK_MS: durationMs(
    'How often is looked how far each webhook is: what waits for it, since when, and what retention took.',
    5_000,
    { minMs: 50, maxMs: 60_000 },
  ),
  CADUCEUS_CONCURRENCY: integer(
    'How many deliveries to one webhook run at once in one instance; up to three times as many while its receiver takes each within 100 ms, but for 1, which stays 1.',
    16,
    { min: 1, max: 1_000 },
  ),
  CADUCEUS_IN_HAND_BYTES_MAX: bytes(
    'How many bytes of events may be in hand in one instance: a quarter belongs to all webhooks alike, the rest is lent for large events. Below the 64 MB that nats-server holds for a connection.',
    48 * 1024 * 1024,
  ),
  CADUCEUS_OWNER_IN_HAND_BYTES_MAX: bytes(
    'How much of that may be lent to the webhooks of one owner at once.',
    12 * 1024 * 1024,
  ),
  CADUCEUS_UNACKED_MAX: integer(
    'How many events of one webhook may be in hand or waiting for a retry, over all instances; more wait in the stream.',
    1_000,
    { min: 1, max: 100_000 },
  ),
  CADUCEUS_ATTEMPT_MS: durationMs(
    'How long one attempt may take; upstream’s wait for a response is the same.',
    10_000,
    { minMs: 50, maxMs: 120_000 },
  ),
  CADUCEUS_RETRY_DELAYS_MS: list(RETRY_DELAYS_ABOUT, RETRY_DELAYS_MS.map(String))
    .refine(
      (values) =>
        values.length <= RETRY_DELAYS_MAX && values.every((each) => /^\d{1,9}$/.test(each)),
      `must be ${RETRY_DELAYS_MAX} values at most, each a whole number of milliseconds`,
    )
    .transform((values) => values.map(Number))
    .meta({ description: RETRY_DELAYS_ABOUT, kind: 'list of milliseconds' }),
  CADUCEUS_OWNER_DEAD_LETTER_BYTES_PER_DAY: bytes(
    'How many bytes of events one instance keeps in dead letters of one owner a day; over it they are kept without their payload.',
    8 * 1024 * 1024,
  ),
  CADUCEUS_BACKLOG_MAX: integer(
    'From how many waiting events on a webhook’s owner is told that it cannot keep up; upstream’s queue had as many places.',
    10_000,
    { min: 1 },
  ),
})

/** Caduceus' configuration, as {@link caduceusEnv} reads it. */
export type CaduceusConfig = Readonly<z.infer<typeof caduceusEnv>>
