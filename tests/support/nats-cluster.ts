/** Three real nats-servers as a cluster, with TLS for clients and monitoring, each on free ports. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guardChild } from '#nats/guard.ts'
import { eventually } from './eventually.ts'
import { freePorts } from './free-ports.ts'

/** Three servers elect a leader of JetStream in a second or two, on a busy machine in more. */
const START_MS = 30_000

const NAMES = ['nats-1', 'nats-2', 'nats-3'] as const

/** A running cluster. Disposing it ends the servers and removes their files. */
export interface NatsCluster extends AsyncDisposable {
  /** For clients; without a password, and encrypted. */
  readonly urls: readonly string[]
  /** The certificate of all servers, which signed itself. */
  readonly certificateFile: string
  readonly monitoringUrls: readonly string[]
  /** Kills the server at `index`. */
  kill(index: number): Promise<void>
}

/** Starts one; resolves once JetStream has a leader. `days` is how long the certificate lasts. */
export async function startNatsCluster({ days }: { days: number }): Promise<NatsCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-cluster-'))
  const certificateFile = join(directory, 'certificate.pem')
  const keyFile = join(directory, 'key.pem')
  makeCertificate(certificateFile, keyFile, days)
  const ports = await freePorts(3 * NAMES.length)
  const servers = NAMES.map((name, index) => {
    const [port = 0, routePort = 0, monitoringPort = 0] = ports.slice(3 * index)
    return { name, port, routePort, monitoringPort }
  })
  const routes = servers.map(({ routePort }) => `nats://127.0.0.1:${routePort}`).join(', ')
  const children = servers.map(({ name, port, routePort, monitoringPort }): ChildProcess => {
    const file = join(directory, `${name}.conf`)
    writeFileSync(
      file,
      `server_name: ${name}
listen: "127.0.0.1:${port}"
http: "127.0.0.1:${monitoringPort}"
tls { cert_file: "${certificateFile}", key_file: "${keyFile}" }
jetstream { store_dir: "${join(directory, name)}" }
cluster { name: xmidt, listen: "127.0.0.1:${routePort}", routes: [${routes}] }
`,
    )
    const binary = process.env.NATS_SERVER_BIN ?? 'nats-server'
    const child = spawn(binary, ['-c', file], { stdio: 'ignore' })
    // However this process ends, it takes the server with it.
    if (child.pid !== undefined) guardChild(child.pid)
    return child
  })
  const kill = async (index: number): Promise<void> => {
    const child = children[index]
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }
  const monitoringUrls = servers.map(({ monitoringPort }) => `http://127.0.0.1:${monitoringPort}`)
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((_, index) => kill(index)))
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await eventually(
      async () => {
        for (const url of monitoringUrls) {
          const { status } = await fetch(`${url}/healthz`)
          if (status !== 200) throw new Error(`${url} is not ready: ${status}`)
        }
      },
      { withinMs: START_MS },
    )
  } catch (error) {
    await stop()
    throw error
  }
  return {
    urls: servers.map(({ port }) => `tls://127.0.0.1:${port}`),
    certificateFile,
    monitoringUrls,
    kill,
    [Symbol.asyncDispose]: stop,
  }
}

function makeCertificate(certificateFile: string, keyFile: string, days: number): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  // The client takes an address for `localhost` when it checks the name.
  const names = ['-subj', '/CN=nats', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const files = ['-keyout', keyFile, '-out', certificateFile, '-days', String(days)]
  execFileSync('openssl', ['req', '-x509', ...key, ...names, ...files], { stdio: 'ignore' })
}
