/** Edge's configuration. */
import { z } from 'zod'
import { commonFields } from '#libs/config/common.ts'
import { durationMs, host, integer, list, operationsHost, port } from '#libs/config/fields.ts'
import { parseRoutes } from './routes.ts'

const ROUTES_ABOUT =
  'What is reachable from outside: `port=service:port` leads to any container of a service, ' +
  '`first-last=service:port` leads the n-th port to its n-th container.'

/** Every variable that Edge reads. It needs no NATS. */
export const edgeEnv = z.object({
  LOG_LEVEL: commonFields.LOG_LEVEL,
  SHUTDOWN_MS: commonFields.SHUTDOWN_MS,
  EDGE_HOST: host('The address to listen on.'),
  EDGE_OPERATIONS_HOST: operationsHost(),
  EDGE_OPERATIONS_PORT: port('The port of health and metrics.', 6701),
  EDGE_ROUTES: list(ROUTES_ABOUT)
    .transform((texts, context) => {
      try {
        return parseRoutes(texts)
      } catch (error) {
        context.addIssue({ code: 'custom', message: (error as Error).message })
        return z.NEVER
      }
    })
    .meta({ description: ROUTES_ABOUT, kind: 'list' }),
  EDGE_CONNECTIONS_MAX: integer(
    'How many connections there may be over all ports; a further one is closed at once. Each needs ' +
      'two file descriptors.',
    10_000,
    { min: 1 },
  ),
  EDGE_CONNECT_MS: durationMs(
    'How long a container may take to accept; then the next one is tried.',
    2_000,
    { minMs: 10 },
  ),
})

/** The configuration as read. */
export type EdgeConfig = Readonly<z.infer<typeof edgeEnv>>
