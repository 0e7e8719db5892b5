/** The two programs of NATS: the server, and the `nats` command that people know. */
import { downloadRelease } from './download.ts'
import { findBinary, type FindOptions, type WantedBinary } from './find-binary.ts'

const NATS_SERVER: WantedBinary = {
  name: 'nats-server',
  variable: 'NATS_SERVER_BIN',
  // From it on a bucket's watchers see an entry run out.
  versionMin: [2, 11, 2],
  version: '2.15.2',
  module: 'github.com/nats-io/nats-server/v2',
  download: downloadRelease,
  advice: [
    'macOS    brew install nats-server',
    'Windows  choco install nats-server',
    'other    https://github.com/nats-io/nats-server/releases',
  ],
}

const NATS_CLI: WantedBinary = {
  name: 'nats',
  variable: 'NATS_CLI_BIN',
  // What `README.md` shows was printed by it; older ones print other tables.
  versionMin: [0, 5, 0],
  version: '0.5.0',
  module: 'github.com/nats-io/natscli/nats',
  advice: [
    'macOS    brew install nats-io/nats-tools/nats',
    'other    https://github.com/nats-io/natscli/releases',
  ],
}

/** The path of a nats-server ≥ 2.11.2, fetched or built where none is there. @throws {BinaryMissingError} */
export const findNatsServer = (options?: FindOptions): Promise<string> =>
  findBinary(NATS_SERVER, options)

/** The path of a `nats` command ≥ 0.5.0, built where none is there. @throws {BinaryMissingError} */
export const findNatsCli = (options?: FindOptions): Promise<string> => findBinary(NATS_CLI, options)
