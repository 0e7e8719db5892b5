/** The parts of the fabric as processes of their own, for measurements. */
import { findNatsServer } from '#nats/binary/binary.ts'
import { startAppProcess, type AppProcess } from '#tests/support/app-process.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'

/** A nats-server with the fabric's streams and users. Disposing it stops it and removes its files. */
export async function startNats(): Promise<TestNats> {
  process.env.NATS_SERVER_BIN ??= await findNatsServer()
  return startTestNats()
}

/** A Talaria that takes the tokens of `jwksUrl`. */
export const startTalaria = (nats: TestNats, jwksUrl: string): Promise<AppProcess> =>
  startAppProcess('talaria', {
    NATS_URL: nats.urlOf('talaria'),
    TALARIA_PORT: '0',
    TALARIA_OPERATIONS_PORT: '0',
    TALARIA_JWKS_URL: jwksUrl,
    TALARIA_DRAIN_MS: '0',
  })

/** A Petasos that sends devices to who announces itself in `nats`. */
export const startPetasos = (nats: TestNats): Promise<AppProcess> =>
  startAppProcess('petasos', {
    NATS_URL: nats.urlOf('petasos'),
    PETASOS_PORT: '0',
    PETASOS_OPERATIONS_PORT: '0',
  })
