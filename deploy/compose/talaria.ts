/**
 * Starts Talaria as one of the replicas of the compose stack. All have the same environment, and
 * each needs an id and URLs of its own: its number among the replicas makes them.
 */
import { z } from 'zod'
import { text } from '#libs/config/fields.ts'
import { ConfigError, loadConfig } from '#libs/config/load.ts'
import { findReplica } from '#libs/docker/replica.ts'

/** What compose.yaml says besides Talaria's own variables. */
export const replicaEnv = z.object({
  COMPOSE_PUBLIC_HOST: text(
    'Where the published ports are, as devices outside see it.',
    '127.0.0.1',
  ),
  COMPOSE_TALARIA_PORTS: text('The published ports of the Talarias, `first-last`.', '6200-6215'),
})

/** The URL of the `index`-th replica as devices outside reach it. @throws {ConfigError} */
export function publicUrl(index: number, { host, ports }: { host: string; ports: string }): string {
  const [, first = Number.NaN, last = Number.NaN] =
    ports.match(/^(\d{1,5})-(\d{1,5})$/)?.map(Number) ?? []
  if (!(first <= last)) {
    throw new ConfigError(`COMPOSE_TALARIA_PORTS must be such as 6200-6215, not "${ports}"`)
  }
  if (first + index - 1 > last) {
    throw new ConfigError(
      `replica ${index} of Talaria has no port: only ${last - first + 1} are published (${ports})`,
    )
  }
  return `http://${host.includes(':') ? `[${host}]` : host}:${first + index - 1}`
}

async function main(): Promise<void> {
  const config = loadConfig(replicaEnv, process.env)
  const { index, hostname } = await findReplica('talaria')
  const place = { host: config.COMPOSE_PUBLIC_HOST, ports: config.COMPOSE_TALARIA_PORTS }
  process.env.TALARIA_ID = `talaria-${index}`
  process.env.TALARIA_URL = publicUrl(index, place)
  process.env.TALARIA_INTERNAL_URL = `http://${hostname}:${process.env.TALARIA_PORT || 6200}`
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    process.stderr.write(`talaria: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  })
  await import('#apps/talaria/main.ts')
}
