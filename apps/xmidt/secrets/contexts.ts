/** Contexts of the `nats` command for the cluster of the compose stack. */
import type { Passwords } from './passwords.ts'
import { NATS_SERVERS } from './servers.ts'

/** Where the container of tools finds its files. */
const TOOLS_DIRECTORY = '/run/xmidt'

/** A user of NATS that people are, and what for. */
const PEOPLE = {
  tools: "people's tools: sees events, cannot disturb the fabric",
  operator: 'inside the fabric, by an allow-list',
  system: 'the servers themselves',
} as const

/** The files beneath `XDG_CONFIG_HOME`; the first context is the selected one. */
export function contexts({ nats }: Passwords): Record<string, string> {
  const url = NATS_SERVERS.map((server) => `tls://${server}:4222`).join(',')
  const files = Object.entries(PEOPLE).map(([user, description]) => [
    `cli/nats/context/xmidt-${user}.json`,
    `${JSON.stringify(
      {
        description,
        url,
        user,
        password: nats[user as keyof typeof PEOPLE],
        ca: `${TOOLS_DIRECTORY}/ca.pem`,
        inbox_prefix: `_INBOX_${user}`,
      },
      null,
      2,
    )}\n`,
  ])
  return { ...Object.fromEntries(files), 'cli/nats/context.txt': 'xmidt-tools' }
}
