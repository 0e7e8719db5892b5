/** The configuration of a nats-server for one machine: three accounts, each with what it needs. */

/** A user of an account. */
export interface User {
  user: string
  password: string
}

/** What {@link serverConfiguration} needs. */
export interface ConfigurationOptions {
  /** -1 takes any free one. */
  port: number
  storeDirectory: string
  accounts: {
    /** The apps: JetStream and every subject of the fabric. */
    fabric: User
    /** People and their tools: see what passes, ask what a device's Talaria knows. */
    tools: User
    /** The server's own events and statistics. */
    system: User
  }
}

/**
 * The largest message with its headers. EVENTS takes 1 MiB; the rest is for the headers that a dead
 * letter has besides its event's, or the largest events could never become one.
 */
const PAYLOAD_BYTES_MAX = (1024 + 64) * 1024

/**
 * The text of the configuration. Tools are in an account of their own, so that somebody who watches
 * everything is no subscriber of the commands: "no responders", and so the 404, stays definite
 * (design §2). The imports are what they may see.
 */
export function serverConfiguration(options: ConfigurationOptions): string {
  const { fabric, tools, system } = options.accounts
  return `server_name: xmidt
host: 127.0.0.1
port: ${options.port}
max_payload: ${PAYLOAD_BYTES_MAX}
write_deadline: "10s"

jetstream {
  store_dir: ${JSON.stringify(options.storeDirectory)}
}

accounts {
  FABRIC {
    jetstream: enabled
    users: [ ${userText(fabric)} ]
    exports: [
      { stream: "xmidt.event.>" }
      { stream: "xmidt.dead.>" }
      { service: "xmidt.device.*.stat" }
      ${JETSTREAM_READS.map((subject) => `{ service: ${JSON.stringify(subject)} }`).join('\n      ')}
    ]
  }
  TOOLS {
    users: [ ${userText(tools)} ]
    imports: [
      { stream: { account: FABRIC, subject: "xmidt.event.>" } }
      { stream: { account: FABRIC, subject: "xmidt.dead.>" } }
      { service: { account: FABRIC, subject: "xmidt.device.*.stat" } }
      ${JETSTREAM_READS.map((subject) => `{ service: { account: FABRIC, subject: ${JSON.stringify(subject)} } }`).join('\n      ')}
    ]
  }
  SYSTEM {
    users: [ ${userText(system)} ]
  }
}
system_account: SYSTEM
`
}

/**
 * What of JetStream tools may ask: which streams and consumers there are and how they stand, and
 * single messages. Not those of WEBHOOKS and WEBHOOK_STATE: a registration holds its receiver's
 * secret. Nothing that makes a consumer, as one that is forgotten weighs on the stream.
 */
export const JETSTREAM_READS: readonly string[] = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.INFO.*',
  '$JS.API.CONSUMER.NAMES.*',
  '$JS.API.CONSUMER.LIST.*',
  '$JS.API.CONSUMER.INFO.*.*',
  '$JS.API.STREAM.MSG.GET.EVENTS',
  '$JS.API.STREAM.MSG.GET.DEAD_LETTERS',
  '$JS.API.STREAM.MSG.GET.KV_TALARIAS',
  '$JS.API.DIRECT.GET.KV_TALARIAS.>',
]

const userText = ({ user, password }: User): string =>
  `{ user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)} }`
