/** Themis' configuration. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { durationMs, flag, host, integer, port, secretList, text } from '#libs/config/fields.ts'
import { TOKEN_DEFAULTS } from '#libs/config/tokens.ts'
import { tracingFields } from '#libs/config/tracing.ts'

/** Every variable that Themis reads. It needs no NATS. */
export const themisEnv = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  ...tracingFields,
  THEMIS_HOST: host('The address to listen on.'),
  THEMIS_PORT: port('The port of tokens and keys.', 6500),
  THEMIS_OPERATIONS_PORT: port('The port of health and metrics.', 6501),
  THEMIS_KEY_FILE: text(
    'The private key, PKCS8 PEM, P-256; made at first start if it is not there.',
    'themis-key.pem',
  ),
  THEMIS_DEVICE_CREDENTIALS: secretList('user:password pairs that get a token for a device.'),
  THEMIS_CALLER_CREDENTIALS: secretList('user:password pairs that get a token for a caller.'),
  THEMIS_OPEN: flag('Anybody gets a token for any device. For development only.', false),
  THEMIS_ISSUER: text('The `iss` of the tokens.', TOKEN_DEFAULTS.issuer),
  THEMIS_AUDIENCE: text('The `aud` of the tokens.', TOKEN_DEFAULTS.audience),
  THEMIS_PARTNER_DEFAULT: text('The partner of a device that names none.', 'unknown'),
  THEMIS_TRUST: integer('The `trust` of a device that showed a credential.', 1_000, { max: 1_000 }),
  THEMIS_TOKEN_MS: durationMs('How long a token is valid.', TOKEN_DEFAULTS.ageMs, {
    minMs: 10_000,
  }),
})

/** The configuration as read. */
export type ThemisConfig = Readonly<z.infer<typeof themisEnv>>
