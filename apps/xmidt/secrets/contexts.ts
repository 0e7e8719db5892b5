/** Contexts of the `nats` command for the cluster of the compose stack. */
import { contextTree } from '#apps/xmidt/nats-context.ts'
import type { Passwords } from './passwords.ts'
import { NATS_SERVERS } from './servers.ts'

/** Where the container of tools finds its files. */
const TOOLS_DIRECTORY = '/run/xmidt'

/** The files of the container of tools, which XDG_CONFIG_HOME names `cli` of. */
export function contexts({ nats }: Passwords): Record<string, string> {
  const url = NATS_SERVERS.map((server) => `tls://${server}:4222`).join(',')
  const files = contextTree({ url, passwords: nats, ca: `${TOOLS_DIRECTORY}/ca.pem` })
  return Object.fromEntries(Object.entries(files).map(([name, text]) => [`cli/${name}`, text]))
}
