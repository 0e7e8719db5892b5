/** Petasos' configuration. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { flag, host, operationsHost, optionalPort, port, text } from '#libs/config/fields.ts'

/** Every variable that Petasos reads. */
export const petasosEnv = z.object({
  ...commonFields,
  PETASOS_HOST: host('The address to listen on.'),
  PETASOS_PORT: port('The port that devices ask.', 6400),
  PETASOS_INTERNAL_PORT: optionalPort(
    'A second port, whose answers lead to the internal URLs of the Talarias, for devices inside ' +
      'the same network; off when absent. Keep it from the outside.',
  ),
  PETASOS_LIST_FILE: text(
    'Where the last list of Talarias is kept, so that it serves when it starts while NATS is away; ' +
      'not kept when empty.',
    '',
  ),
  PETASOS_OPERATIONS_HOST: operationsHost(),
  PETASOS_OPERATIONS_PORT: port('The port of health and metrics.', 6401),
  PETASOS_REGION: text('Shown in the X-Petasos-Region header.', 'local'),
  PETASOS_LOG_REDIRECTS: flag('A log line for every redirect.', false),
})

/** The configuration as read. */
export type PetasosConfig = Readonly<z.infer<typeof petasosEnv>>
