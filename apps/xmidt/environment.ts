/** What the commands read from the environment: where a fabric is, and how to get in. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { durationMs, host, optionalPort, secret, url } from '#libs/config/fields.ts'

/** Where a fabric is, for those commands that talk to one. */
export const accessEnv = z.object({
  XMIDT_THEMIS_URL: url('Where Themis is.', ''),
  XMIDT_SCYTALE_URL: url('Where Scytale is.', ''),
  XMIDT_PETASOS_URL: url('Where Petasos is.', ''),
  XMIDT_CADUCEUS_URL: url('Where Caduceus is.', ''),
  XMIDT_NATS_URL: secret('NATS, with a user of the tools account.', ''),
  XMIDT_CALLER: secret('`user:password` of a caller.', ''),
  XMIDT_DEVICE: secret('`user:password` with which devices get their tokens.', ''),
})

/** `xmidt contexts --url`: the users that people are. */
export const contextsEnv = z.object({
  NATS_TOOLS_PASSWORD: secret('Of the user `tools` of NATS.', ''),
  NATS_OPERATOR_PASSWORD: secret('Of the user `operator` of NATS.', ''),
  NATS_SYSTEM_PASSWORD: secret('Of the user `system` of NATS.', ''),
})

/** `xmidt devices`. */
export const devicesEnv = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  XMIDT_THEMIS_URL: url('Where the tokens come from.'),
  XMIDT_PETASOS_URL: url('Where the devices ask for their Talaria.'),
  XMIDT_DEVICE: secret('`user:password` with which devices get their tokens.'),
  XMIDT_DEVICE_EVENT_MS: durationMs('How often each device sends an event.', 30_000, {
    minMs: 50,
  }),
  XMIDT_OPERATIONS_HOST: host('The address of health and metrics.'),
  XMIDT_OPERATIONS_PORT: optionalPort('The port of health and metrics; off when absent.'),
})

/** The configuration of `xmidt devices` as read. */
export type DevicesConfig = Readonly<z.infer<typeof devicesEnv>>
