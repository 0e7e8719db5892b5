/** What Talaria reads from the environment. */
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
import { MESSAGE_BYTES_DEFAULT } from '#libs/wrp/message-size.ts'

const variables = z.object({
  ...commonFields,
  TALARIA_HOST: host('Address that devices connect to.'),
  TALARIA_PORT: port('Port that devices connect to.', 6200),
  TALARIA_OPERATIONS_HOST: operationsHost(),
  TALARIA_OPERATIONS_PORT: port('Port of health, metrics and the control API.', 6201),
  TALARIA_OPERATIONS_CREDENTIALS: credentialList(
    'Who may use gate and drain on the operations port, each `user:password`, by HTTP Basic. Without ' +
      'any nobody may; over NATS an operator may all the same.',
  ),
  TALARIA_ID: text('Its name among the Talarias; by default the host name and the port.', ''),
  TALARIA_URL: url(
    'Where Petasos sends devices; by default made of address and port, and so required where TALARIA_HOST is 0.0.0.0 or ::.',
    '',
  ),
  TALARIA_INTERNAL_URL: url(
    'Where Petasos sends devices that ask on its internal port; without it they get TALARIA_URL.',
    '',
  ),
  TALARIA_REGION: text('The region that it is in.', 'local'),
  TALARIA_WEIGHT: integer("Its share of the devices, relative to the others'.", 1, {
    min: 1,
    max: 1_000,
  }),
  TALARIA_JWKS_URL: url(
    'Where the keys are that sign the tokens of devices.',
    'http://127.0.0.1:6500/.well-known/jwks.json',
  ),
  TALARIA_TOKEN_ISSUER: tokenIssuer(),
  TALARIA_TOKEN_AUDIENCE: tokenAudience(),
  TALARIA_TOKEN_AGE_MAX_MS: tokenAgeMax(),
  TALARIA_OPEN: flag('Let devices in without a token. For development only.', false),
  TALARIA_PARTNER_CHECK: choice(
    'Whether a caller reaches only devices of its own partners; monitor lets it and counts.',
    ['enforce', 'monitor'],
    'enforce',
  ),
  TALARIA_PING_MS: durationMs('How long between two pings of a device.', 20_000, { minMs: 50 }),
  TALARIA_IDLE_MS: durationMs(
    'A device of which nothing came for so long, not even a pong, is gone. What it is above ' +
      'TALARIA_PING_MS is the time that a slow device has for its pong.',
    30_000,
    { minMs: 100 },
  ),
  TALARIA_PROBE_MS: durationMs(
    'A device that is silent for so long while a command awaits its answer is pinged, and is gone ' +
      'when it stays silent for as long again.',
    2_000,
    { minMs: 50 },
  ),
  TALARIA_WRITE_MS: durationMs(
    'A device that took nothing of what was written for so long is gone.',
    60_000,
    { minMs: 100 },
  ),
  TALARIA_FRAME_BYTES_MAX: bytes(
    'The largest message of a device; over it the connection is closed with 1009. The stamped ' +
      'message must fit into one NATS message, 1 MiB by default.',
    MESSAGE_BYTES_DEFAULT,
    { max: 64 * 1_048_576 },
  ),
  TALARIA_DEVICES_MAX: integer(
    'How many devices it holds; further ones get 503. At some 8 KiB each, 100,000 are 0.8 GiB.',
    100_000,
    { min: 1 },
  ),
  TALARIA_UPGRADES_MAX: integer(
    'How many connects may be under way, at some 20 KiB each; further ones get 503, so that a storm ' +
      'of reconnects is worked off and not piled up. A thousand take less than a second.',
    8_192,
    { min: 1 },
  ),
  TALARIA_REFUSAL_HOLD_MS: durationMs(
    'How long the answer is held back of a device that is refused again, or whose token has an ' +
      'unknown key: genuine devices try again at once.',
    5_000,
    { maxMs: 60_000 },
  ),
  TALARIA_DEVICE_QUEUE_MAX: integer(
    'How many messages may wait to be written to one device, and how many commands for their ' +
      "answer; upstream's default.",
    100,
    { min: 1, max: 100_000 },
  ),
  TALARIA_DEVICE_QUEUE_BYTES_MAX: bytes(
    'How many bytes may wait to be written to one device: four of the largest messages.',
    4_194_304,
  ),
  TALARIA_COMMAND_TIMEOUT_MS: durationMs(
    'How long a device may take for a command that names no deadline itself.',
    30_000,
    { minMs: 100 },
  ),
  TALARIA_DEVICE_EVENTS_MAX: integer(
    'How many events of one device may await their storing before it is not read from for a while.',
    64,
    { min: 1, max: 100_000 },
  ),
  TALARIA_DEVICE_EVENTS_BYTES_MAX: bytes(
    'How many bytes of one device may await their storing before it is not read from for a while: ' +
      'four of the largest messages.',
    4_194_304,
  ),
  TALARIA_DEVICE_BYTES_RATE: bytes(
    'How many bytes a second a device may send, and four seconds of that at once; over it the ' +
      'device is not read from for a while.',
    MESSAGE_BYTES_DEFAULT,
  ),
  TALARIA_DEVICE_FRAMES_RATE: integer('The same of its messages and pings.', 500, { min: 1 }),
  TALARIA_DEVICE_LOOP_PERCENT: integer(
    "The same of this process' time, in percent of its one loop, and one second of that at once: " +
      'a message can be small and take long.',
    10,
    { min: 1, max: 100 },
  ),
  TALARIA_DEVICE_EVENT_TYPES_MAX: integer(
    'How many different event types one session may use; an event of a further one is dropped, or ' +
      'refused where the device waits for an answer.',
    64,
    { min: 1 },
  ),
  TALARIA_EVENT_TYPES_MAX: integer(
    'The same of all devices together, for as long as events are kept: nats-server holds each in memory.',
    10_000,
    { min: 1 },
  ),
  TALARIA_EVENTS_MAX: integer(
    'The same of all devices together: those that send more are not read from.',
    4_096,
    { min: 1 },
  ),
  TALARIA_EVENTS_BYTES_MAX: bytes(
    'What events that await their storing may hold in all. From half of it on nobody who sends is ' +
      'read from; an event over it is dropped, or refused where the device waits for an answer.',
    67_108_864,
    { min: 2_097_152 },
  ),
  TALARIA_SETTLE_MS: durationMs(
    'How long the end waits for events that JetStream has not acknowledged yet.',
    5_000,
  ),
  TALARIA_DRAIN_MS: durationMs('Over how long the devices are closed at the end.', 2_000),
  TALARIA_LEAVE_MS: durationMs(
    'How long the commands in the hands of a device that is drained may take to be answered, and ' +
      'after that its events to be stored and acknowledged.',
    5_000,
  ),
})

/** Talaria's variables. */
export const talariaEnv = variables
  .refine(({ TALARIA_ID }) => TALARIA_ID === '' || isKey(TALARIA_ID), {
    path: ['TALARIA_ID'],
    error:
      'must be at most 200 letters, digits, -, _, =, / and single dots between them: it is a key in the bucket TALARIAS',
  })
  .superRefine((config, context) => {
    for (const name of ['TALARIA_URL', 'TALARIA_INTERNAL_URL'] as const) {
      if (config[name] === '' || isWeb(config[name])) continue
      context.addIssue({ code: 'custom', path: [name], message: 'must be an http or https URL' })
    }
  })
  .refine(({ TALARIA_URL, TALARIA_HOST }) => TALARIA_URL !== '' || !isEveryAddress(TALARIA_HOST), {
    path: ['TALARIA_URL'],
    error:
      'is required where TALARIA_HOST is every address of the machine, which no device can connect ' +
      'to: say where devices reach this Talaria, such as http://talaria-1.example.com:6200',
  })

/** A wildcard in it would be one over the leases of others. */
const isKey = (id: string): boolean =>
  id.length <= 200 && /^[A-Za-z0-9_=/-]+(?:\.[A-Za-z0-9_=/-]+)*$/.test(id)

/** As Petasos gives it to devices in a header. */
const isWeb = (url: string): boolean => /^https?:\/\/[\u0021-\u007e]+$/i.test(url)

const isEveryAddress = (host: string): boolean => ['0.0.0.0', '::', '[::]'].includes(host)

/** Talaria's configuration. */
export type TalariaConfig = Readonly<z.infer<typeof talariaEnv>>
