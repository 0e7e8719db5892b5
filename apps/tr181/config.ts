/** The TR-181 service's configuration. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { durationMs, text } from '#libs/config/fields.ts'

/** Every variable that the TR-181 service reads. */
export const tr181Env = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  TR181_PARODUS_URL: text('Where Parodus takes messages.', 'tcp://127.0.0.1:6666'),
  TR181_URL: text('Where it takes messages itself; port 0: any free one.', 'tcp://127.0.0.1:0'),
  TR181_SERVICE: text('The name under which it is reached.', 'config'),
  TR181_EVENT_INTERVAL_MS: durationMs('How often it sends an event about the device.', 30_000, {
    minMs: 50,
  }),
  TR181_KEEP_ALIVE_MS: durationMs(
    'Without a sign of Parodus for so long it registers again.',
    65_000,
    { minMs: 100 },
  ),
})

/** The configuration as read. */
export type Tr181Config = Readonly<z.infer<typeof tr181Env>>
