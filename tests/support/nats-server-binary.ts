/** Before any test: a nats-server is found, fetched or built, once for all workers. */
import { findNatsServer } from '#nats/binary/binary.ts'

/** Vitest calls it before the first test; what it sets is what the workers inherit. */
export async function setup(): Promise<void> {
  process.env.NATS_SERVER_BIN = await findNatsServer({
    onProgress: (text) => process.stdout.write(`${text}\n`),
  })
}
