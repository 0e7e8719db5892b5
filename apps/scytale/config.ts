/** What Scytale reads from the environment. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import {
  bytes,
  choice,
  credentialList,
  durationMs,
  flag,
  host,
  integer,
  operationsHost,
  port,
  text,
  url,
} from '#libs/config/fields.ts'
import { tokenAgeMax, tokenAudience, tokenIssuer } from '#libs/config/tokens.ts'

const CHECK_MODES = ['enforce', 'monitor', 'off'] as const

/** Scytale's variables. */
export const scytaleEnv = z.object({
  ...commonFields,
  SCYTALE_HOST: host('Address of the API.'),
  SCYTALE_PORT: port('Port of the API.', 6300),
  SCYTALE_OPERATIONS_HOST: operationsHost(),
  SCYTALE_OPERATIONS_PORT: port('Port of liveness, readiness, health and metrics.', 6301),
  SCYTALE_JWKS_URL: url(
    'Where the keys are that sign the tokens of callers.',
    'http://127.0.0.1:6500/.well-known/jwks.json',
  ),
  SCYTALE_TOKEN_ISSUER: tokenIssuer(),
  SCYTALE_TOKEN_AUDIENCE: tokenAudience(),
  SCYTALE_TOKEN_AGE_MAX_MS: tokenAgeMax(),
  SCYTALE_BASIC_CREDENTIALS: credentialList(
    'Callers that may use HTTP Basic, each `user:password`. They pass every further check.',
  ),
  SCYTALE_OPEN: flag('Let every caller in without a credential. For development only.', false),
  SCYTALE_DEVICE_TIMEOUT_MS: durationMs(
    'How long a device may take to answer; longer than this the caller gets 504.',
    30_000,
    { minMs: 100, maxMs: 600_000 },
  ),
  SCYTALE_DRAIN_MS: durationMs(
    'How long the end waits for the answers of devices; whoever has none by then gets 503.',
    15_000,
  ),
  SCYTALE_BODY_BYTES_MAX: bytes(
    'The largest request body; a message must fit into one NATS message, 1 MiB by default.',
    1_048_576,
    { max: 64 * 1_048_576 },
  ),
  SCYTALE_REQUESTS_MAX: integer(
    'How many requests may be under way; further ones get 503 at once. At 30 s for each mute ' +
      'device this is 136 of them a second.',
    4_096,
    { min: 1, max: 1_000_000 },
  ),
  SCYTALE_CAPABILITY_CHECK: choice(
    "Whether a token must have a capability for the request's method and path.",
    CHECK_MODES,
    'enforce',
  ),
  SCYTALE_CAPABILITY_PREFIX: text('What the capabilities of this API begin with.', 'x1:webpa:api:'),
  SCYTALE_CAPABILITY_METHOD_ALL: text(
    'The word that stands for every method in a capability.',
    'all',
  ),
  SCYTALE_PARTNER_CHECK: choice(
    "Whether a message may name only the token's partners; without any it gets the token's.",
    CHECK_MODES,
    'enforce',
  ),
  SCYTALE_SERVER: text('Told in the header X-Scytale-Server.', 'localhost'),
  SCYTALE_REGION: text('Told in the header X-Scytale-Region.', 'local'),
  SCYTALE_FLAVOR: text('Told in the header X-Scytale-Flavor.', 'development'),
  SCYTALE_BUILD: text('Told in the header X-Scytale-Build.', 'development'),
})

/** Scytale's configuration. */
export type ScytaleConfig = Readonly<z.infer<typeof scytaleEnv>>
