/** Talaria's configuration. */
import { hostname } from 'node:os'
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { bytes, durationMs, flag, host, integer, port, text } from '#libs/config/fields.ts'

/** Every variable that Talaria reads. */
export const talariaEnv = z.object({
  ...commonFields,
  TALARIA_HOST: host('The address to listen on.'),
  TALARIA_PORT: port('The port that devices connect to.', 6200),
  TALARIA_OPERATIONS_PORT: port('The port of health, metrics and the control API.', 6201),
  TALARIA_ID: text('Its name among the Talarias; unique. Default: host name and port.', ''),
  TALARIA_URL: text(
    'Where devices reach it, as Petasos tells them. Default: where it listens.',
    '',
  ),
  TALARIA_REGION: text(
    'Shown in the list of Talarias and in the X-Talaria-Region header.',
    'local',
  ),
  TALARIA_WEIGHT: integer("Its share of the devices, relative to the others'.", 100, { min: 1 }),
  TALARIA_JWKS_URL: text('Where the keys are that verify tokens, a URL.', ''),
  TALARIA_OPEN: flag('Devices need no token. For development only.', false),
  TALARIA_SOURCE: text('The source of its own events, a locator.', `dns:${hostname()}`),
  TALARIA_DEVICES_MAX: integer('Devices it holds at most; then it answers 503.', 1_000_000, {
    min: 1,
  }),
  TALARIA_FRAME_BYTES_MAX: bytes(
    'The largest frame of a device; over it: closed with 1009.',
    256 * 1024,
  ),
  TALARIA_SEND_BYTES_MAX: bytes(
    'What may wait to be sent to one device; over it: 503.',
    1024 * 1024,
  ),
  TALARIA_COMMANDS_MAX: integer('Commands that may wait for one device; over it: 503.', 100, {
    min: 1,
  }),
  TALARIA_EVENTS_IN_FLIGHT_MAX: integer('Events that may wait for JetStream at once.', 1_024, {
    min: 1,
  }),
  TALARIA_DEVICE_EVENTS_IN_FLIGHT_MAX: integer(
    'Events of one device that may wait for JetStream; then it is not read from.',
    32,
    { min: 1 },
  ),
  TALARIA_PING_MS: durationMs('How often a device is pinged.', 45_000, { minMs: 50 }),
  TALARIA_IDLE_MS: durationMs('A device that sends nothing for so long is gone.', 135_000, {
    minMs: 100,
  }),
  TALARIA_COMMAND_MS: durationMs(
    'How long a command without a deadline waits for its answer.',
    30_000,
  ),
  TALARIA_DRAIN_MS: durationMs('Over how long devices are closed at the end.', 2_000),
})

/** The configuration as read. */
export type TalariaConfig = Readonly<z.infer<typeof talariaEnv>>
