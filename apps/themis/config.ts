/** Themis' configuration. */
import { z } from 'zod'
import { userOfCredential } from '#libs/auth/basic.ts'
import { commonFields } from '#libs/config/common.ts'
import {
  credentialList,
  durationMs,
  flag,
  host,
  integer,
  operationsHost,
  port,
  text,
} from '#libs/config/fields.ts'
import { TOKEN_DEFAULTS } from '#libs/config/tokens.ts'
import { tracingFields } from '#libs/config/tracing.ts'
import { grantsField } from './grants.ts'

const variables = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  CONNECTIONS_MAX: commonFields.CONNECTIONS_MAX,
  ...tracingFields,
  THEMIS_HOST: host('The address to listen on.'),
  THEMIS_PORT: port('The port of tokens and keys.', 6500),
  THEMIS_OPERATIONS_HOST: operationsHost(),
  THEMIS_OPERATIONS_PORT: port('The port of health and metrics.', 6501),
  THEMIS_KEY_FILE: text(
    'The private key, PKCS8 PEM, P-256; made at first start if it is not there.',
    'themis-key.pem',
  ),
  THEMIS_DEVICE_CREDENTIALS: credentialList('user:password pairs that get a token for a device.'),
  THEMIS_DEVICE_GRANTS: grantsField(
    'For which devices and partners each user of THEMIS_DEVICE_CREDENTIALS gets a token, exact or ' +
      'with `*`, and how far they are trusted: `{"user": {"devices": ["mac:1122*"], "partners": ' +
      '["comcast"], "trust": 1000}}`. A user without a grant gets one for any device, which is ' +
      'logged: for development only.',
  ),
  THEMIS_TLS_CERTIFICATE_FILE: text(
    'The certificate of the port, PEM, with those between it and its authority. Empty: plain HTTP.',
    '',
  ),
  THEMIS_TLS_KEY_FILE: text('The private key of that certificate, PEM.', ''),
  THEMIS_TLS_CLIENT_CA_FILE: text(
    'Who signs the certificates of devices, PEM. A device that shows one needs no password.',
    '',
  ),
  THEMIS_CERTIFICATE_GRANTS: grantsField(
    'As THEMIS_DEVICE_GRANTS, by the common name of the certificate, exact or with `*`. A name that ' +
      'is a device id needs no grant: that device, for the organization in the certificate.',
  ),
  THEMIS_CALLER_CREDENTIALS: credentialList('user:password pairs that get a token for a caller.'),
  THEMIS_OPEN: flag('Anybody gets a token for any device. For development only.', false),
  THEMIS_ISSUER: text('The `iss` of the tokens.', TOKEN_DEFAULTS.issuer),
  THEMIS_AUDIENCE: text('The `aud` of the tokens.', TOKEN_DEFAULTS.audience),
  THEMIS_PARTNER_DEFAULT: text('The partner of a device that names none.', 'unknown'),
  THEMIS_TRUST: integer(
    'The `trust` of a device whose credential has no grant; one that showed none has 0.',
    0,
    { max: 1_000 },
  ),
  THEMIS_TOKEN_MS: durationMs('How long a token is valid.', TOKEN_DEFAULTS.ageMs, {
    minMs: 10_000,
  }),
})

/** Every variable that Themis reads. It needs no NATS. */
export const themisEnv = variables.superRefine((config, context) => {
  const refuse = (path: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], message })
  if ((config.THEMIS_TLS_CERTIFICATE_FILE === '') !== (config.THEMIS_TLS_KEY_FILE === '')) {
    refuse('THEMIS_TLS_KEY_FILE', 'and THEMIS_TLS_CERTIFICATE_FILE must both be set, or neither')
  }
  if (config.THEMIS_TLS_CLIENT_CA_FILE !== '' && config.THEMIS_TLS_CERTIFICATE_FILE === '') {
    refuse('THEMIS_TLS_CLIENT_CA_FILE', 'needs THEMIS_TLS_CERTIFICATE_FILE')
  }
  if (config.THEMIS_CERTIFICATE_GRANTS.size > 0 && config.THEMIS_TLS_CLIENT_CA_FILE === '') {
    refuse('THEMIS_CERTIFICATE_GRANTS', 'needs THEMIS_TLS_CLIENT_CA_FILE')
  }
  const users = new Set(config.THEMIS_DEVICE_CREDENTIALS.map(userOfCredential))
  for (const user of config.THEMIS_DEVICE_GRANTS.keys()) {
    // A name written wrongly would leave the credential that was meant without its bounds.
    if (users.has(user)) continue
    refuse(
      'THEMIS_DEVICE_GRANTS',
      `has a grant for ${JSON.stringify(user)}, who is no user of THEMIS_DEVICE_CREDENTIALS`,
    )
  }
})

/** The configuration as read. */
export type ThemisConfig = Readonly<z.infer<typeof themisEnv>>
