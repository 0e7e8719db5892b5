/**
 * Who of the stack is given what. Each has a directory of its own, which in compose is a volume
 * that nobody else mounts: so a Petasos cannot read what a Talaria may do.
 */
import { OPERATOR } from '#apps/xmidt/access.ts'
import { contextTree } from '#apps/xmidt/nats-cli/nats-context.ts'
import type { UserName } from '#nats/permissions.ts'
import type { Pair } from './certificates.ts'
import { NATS_USERS, type Passwords } from './passwords.ts'
import { NATS_SERVERS } from './servers.ts'

/** Apps with a user of NATS, by their directory. */
const NATS_CLIENTS = {
  talaria: 'talaria',
  petasos: 'petasos',
  scytale: 'scytale',
  caduceus: 'caduceus',
  streams: 'provisioner',
} as const

/** Contents by file name. */
type Files = Readonly<Record<string, string>>

/** What {@link layout} needs. */
export interface Made {
  passwords: Passwords
  /** The authority's certificate; its key stays with who makes certificates. */
  authority: string
  servers: Readonly<Record<(typeof NATS_SERVERS)[number], Pair>>
}

/** The files of each directory, whole. Themis' key is not among them: Themis' own code makes it. */
export function layout({ passwords, authority, servers }: Made): Readonly<Record<string, Files>> {
  const caller = `${OPERATOR}:${passwords.operator}\n`
  const device = `device:${passwords.device}\n`
  const client = (user: UserName): Files => ({
    'nats-url': `${natsUrl(user, passwords)}\n`,
    'ca.pem': authority,
  })
  return {
    themis: { 'caller-credentials': caller, 'device-credentials': device },
    ...Object.fromEntries(Object.entries(NATS_CLIENTS).map(([name, user]) => [name, client(user)])),
    talaria: { ...client('talaria'), 'operations-credentials': caller },
    scytale: { ...client('scytale'), 'caller-credentials': caller },
    caduceus: {
      ...client('caduceus'),
      'caller-credentials': caller,
      'secret-keys': `first:${Buffer.from(passwords.webhookKey, 'hex').toString('base64')}\n`,
    },
    ...Object.fromEntries(
      NATS_SERVERS.map((name) => [
        name,
        {
          'passwords.env': passwordVariables(passwords),
          'ca.pem': authority,
          'certificate.pem': servers[name].certificate,
          'key.pem': servers[name].key,
        },
      ]),
    ),
    devices: { credential: device },
    tools: { 'ca.pem': authority, ...contexts(passwords) },
    k6: {
      'credentials.json': `${JSON.stringify({ operator: passwords.operator, device: passwords.device })}\n`,
    },
    grafana: { 'admin-password': `${passwords.grafana}\n` },
  }
}

/** Where each container finds its own files. */
const MOUNTED_AT = '/run/xmidt'

/** Contexts of the `nats` command, beneath a directory that XDG_CONFIG_HOME names. */
function contexts({ nats }: Passwords): Files {
  const url = NATS_SERVERS.map((server) => `tls://${server}:4222`).join(',')
  const tree = contextTree({ url, passwords: nats, ca: `${MOUNTED_AT}/ca.pem` })
  return Object.fromEntries(Object.entries(tree).map(([file, text]) => [`cli/${file}`, text]))
}

function natsUrl(user: UserName, passwords: Passwords): string {
  return NATS_SERVERS.map((server) => `tls://${user}:${passwords.nats[user]}@${server}:4222`).join(
    ',',
  )
}

/** For a shell; in quotes that the server sees, or it would take some passwords for numbers. */
const passwordVariables = ({ nats }: Passwords): string =>
  NATS_USERS.map((user) => `export NATS_${user.toUpperCase()}_PASSWORD='"${nats[user]}"'\n`).join(
    '',
  )
