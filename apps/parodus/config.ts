/** Parodus' configuration. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { bytes, durationMs, integer, optionalPort, secret, text, url } from '#libs/config/fields.ts'
import { tracingFields } from '#libs/config/tracing.ts'
import { MESSAGE_BYTES_DEFAULT } from '#libs/wrp/message-size.ts'

const variables = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  ...tracingFields,
  PARODUS_DEVICE_ID: text('The id of this device, such as mac:112233445566.'),
  PARODUS_PETASOS_URL: url('Where the fabric is: Petasos, or a Talaria directly.'),
  PARODUS_THEMIS_URL: secret(
    'Where the token comes from; user and password may be part of it. Empty: no token is presented.',
    '',
  ),
  PARODUS_THEMIS_CA_FILE: text(
    'Who signs the certificate of Themis, PEM. Empty: the public ones.',
    '',
  ),
  PARODUS_CERTIFICATE_FILE: text(
    'The certificate that this device shows to Themis, PEM, instead of a password.',
    '',
  ),
  PARODUS_KEY_FILE: text('The private key of that certificate, PEM.', ''),
  PARODUS_PARTNER_ID: text('The partner that this device belongs to.', ''),
  PARODUS_LOCAL_URL: text('Where local services push their messages.', 'tcp://127.0.0.1:6666'),
  PARODUS_OPERATIONS_PORT: optionalPort('The port of health and metrics; off when absent.'),
  PARODUS_MODEL: text('Hardware model, as the fabric is told.', ''),
  PARODUS_SERIAL_NUMBER: text('Hardware serial number.', ''),
  PARODUS_MANUFACTURER: text('Hardware manufacturer.', ''),
  PARODUS_FIRMWARE: text('Firmware name.', ''),
  PARODUS_LAST_REBOOT_REASON: text('Why the device started last.', ''),
  PARODUS_INTERFACE_USED: text('The network interface of the connection.', ''),
  PARODUS_PING_TIMEOUT_MS: durationMs(
    'A fabric that is silent for so long is gone: the connection is made anew.',
    180_000,
    { minMs: 100 },
  ),
  PARODUS_BACKOFF_FIRST_MS: durationMs('The first wait between attempts to connect.', 1_000, {
    minMs: 1,
  }),
  PARODUS_BACKOFF_MAX_MS: durationMs('The longest wait between attempts to connect.', 300_000, {
    minMs: 1,
  }),
  PARODUS_KEEP_ALIVE_MS: durationMs(
    'How often local services are told that Parodus is there.',
    30_000,
    { minMs: 50 },
  ),
  PARODUS_QUEUE_MESSAGES_MAX: integer('Messages that wait while the fabric is away.', 1_000, {
    min: 1,
  }),
  PARODUS_QUEUE_BYTES_MAX: bytes('What they may hold in all.', 8 * 1024 * 1024),
  PARODUS_MESSAGE_BYTES_MAX: bytes(
    'The largest message, in either direction; over it whoever waits for an answer gets 413 in it. Up to four times as much is read for that.',
    MESSAGE_BYTES_DEFAULT,
  ),
  PARODUS_QUEUE_MS: durationMs('An event that waited for so long is dropped.', 1_800_000, {
    minMs: 100,
  }),
})

/** Every variable that Parodus reads. It knows no NATS. */
export const parodusEnv = variables.superRefine((config, context) => {
  if ((config.PARODUS_CERTIFICATE_FILE === '') === (config.PARODUS_KEY_FILE === '')) return
  context.addIssue({
    code: 'custom',
    path: ['PARODUS_KEY_FILE'],
    message: 'and PARODUS_CERTIFICATE_FILE must both be set, or neither',
  })
})

/**
 * What is still read of a message that is too large, in multiples of the limit: enough to say so to
 * whoever waits for the answer, instead of ending the connection that it came by.
 */
const READ_FACTOR = 4

/** The bytes of a message over which the link that it comes by is ended. */
export const readBytesMax = (config: ParodusConfig): number =>
  config.PARODUS_MESSAGE_BYTES_MAX * READ_FACTOR

/** The configuration as read. */
export type ParodusConfig = Readonly<z.infer<typeof parodusEnv>>
