/**
 * The fabric of a run: every app and nats-server a process of its own, as in production, with real
 * credentials, on free ports and in a directory of its own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAppProcess } from '#tests/support/app-process.ts'
import { basicOf } from '#tests/support/caller.ts'
import { createMember, type Member, type MemberEvent, type MemberOptions } from './member.ts'
import type { Disk } from './disk.ts'
import { createNats, type NatsServers } from './nats.ts'
import { createPorts, type Ports } from './ports.ts'

/** The one caller and the one credential of devices. */
const CALLER = 'chaos:chaos-secret'

/** The one who may drain a Talaria. */
export const OPERATOR = CALLER

const DEVICES = 'devices:devices-secret'

/** An app that starts while NATS is away is ready once it is back. */
const READY_MS = 90_000

/** How long the devices of a run may take: their slowest answers come after 1 s. */
const DEVICE_TIMEOUT_MS = 8_000

/** A receiver that stands still is given up sooner than in production: a run is settled in minutes. */
const ATTEMPT_MS = '5000'

/** Quick at first, then every four seconds: nearly a minute in all, longer than any fault of a run. */
const RETRY_DELAYS_MS = '250,500,1000,2000,4000,4000,4000,4000,4000,4000,4000,4000,4000,4000,4000'

/** What a scenario asks for. */
export interface FabricOptions {
  isCluster: boolean
  talarias: number
  scytales: number
  caduceuses: number
  /** Further variables, by the app that reads them. */
  environment?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Of the nats-servers. */
  disk?: Disk
}

/** An app, and where it is: for its whole life, whatever happens to it. */
export interface AppMember extends Member {
  readonly url: string
  readonly operationsUrl: string
}

/** The running fabric. Disposing it kills what runs and removes its files. */
export interface Fabric extends AsyncDisposable {
  readonly directory: string
  readonly ports: Ports
  readonly nats: NatsServers
  readonly themis: AppMember
  readonly talarias: readonly AppMember[]
  readonly petasos: AppMember
  readonly scytales: readonly AppMember[]
  readonly caduceuses: readonly AppMember[]
  /** All of them, nats-servers and what was added included. */
  readonly members: readonly Member[]
  /** The value of an Authorization header for callers and owners of webhooks. */
  readonly callerAuthorization: string
  /** A further process, which ends with the others. */
  add(member: Member): void
  /** Calls `listener` with whatever happens to any process. */
  onEvent(listener: (member: Member, event: MemberEvent) => void): void
  /** What Themis gives a device. */
  deviceToken(device: string): Promise<string>
}

/** Starts all and resolves once all are ready; `isKept` leaves the directory with all logs. */
export async function startFabric(options: FabricOptions, isKept: boolean): Promise<Fabric> {
  await using starting = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'xmidt-chaos-'))
  if (!isKept) starting.defer(() => rmSync(directory, { recursive: true, force: true }))
  const ports = createPorts()
  const listeners: Parameters<Fabric['onEvent']>[0][] = []
  const onEvent: MemberOptions['onEvent'] = (member, event) => {
    for (const listener of listeners) listener(member, event)
  }
  const members: Member[] = []
  starting.defer(async () => {
    await Promise.all(members.map((member) => member.kill()))
  })
  const nats = await createNats({ ...options, directory, ports, onEvent })
  members.push(...nats.members)
  await Promise.all(nats.members.map((member) => member.start()))
  await nats.applyStreams()
  const apps = await startApps({ options, directory, ports, members, onEvent, nats })
  const running = starting.move()
  return {
    ...apps,
    directory,
    ports,
    nats,
    members,
    callerAuthorization: basicOf(CALLER),
    add: (member) => void members.push(member),
    onEvent: (listener) => void listeners.push(listener),
    deviceToken: (device) => issueToken(apps.themis.url, device),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

type AppRole = 'themis' | 'talaria' | 'petasos' | 'scytale' | 'caduceus'

type Environment = Readonly<Record<string, string>>

interface Parts {
  options: FabricOptions
  directory: string
  ports: Ports
  /** Grows by what is made, so that whatever happens it is ended. */
  members: Member[]
  onEvent: MemberOptions['onEvent']
  nats: NatsServers
}

type Apps = Pick<Fabric, 'themis' | 'talarias' | 'petasos' | 'scytales' | 'caduceuses'>

async function startApps(parts: Parts): Promise<Apps> {
  const { options, directory } = parts
  const themis = await createApp(parts, 'themis', 1, {
    THEMIS_KEY_FILE: join(directory, 'key.pem'),
    THEMIS_CALLER_CREDENTIALS: CALLER,
    THEMIS_DEVICE_CREDENTIALS: DEVICES,
  })
  await themis.start()
  const jwks = `${themis.url}/.well-known/jwks.json`
  const several = (role: AppRole, count: number, environment: Environment): Promise<AppMember[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) => createApp(parts, role, index + 1, environment)),
    )
  const talarias = await several('talaria', options.talarias, {
    TALARIA_JWKS_URL: jwks,
    TALARIA_OPERATIONS_CREDENTIALS: OPERATOR,
  })
  const petasos = await createApp(parts, 'petasos', 1, {
    PETASOS_LIST_FILE: join(directory, 'talarias.json'),
  })
  const scytales = await several('scytale', options.scytales, {
    SCYTALE_JWKS_URL: jwks,
    SCYTALE_BASIC_CREDENTIALS: CALLER,
    SCYTALE_DEVICE_TIMEOUT_MS: String(DEVICE_TIMEOUT_MS),
  })
  const caduceuses = await several('caduceus', options.caduceuses, {
    CADUCEUS_JWKS_URL: jwks,
    CADUCEUS_SECRET_KEYS: `chaos:${Buffer.alloc(32, 7).toString('base64')}`,
    CADUCEUS_BASIC_CREDENTIALS: CALLER,
    CADUCEUS_ADDRESSES_ALLOWED: '127.0.0.0/8,::1/128',
    CADUCEUS_HTTP_ALLOWED: 'true',
    CADUCEUS_ATTEMPT_MS: ATTEMPT_MS,
    CADUCEUS_RETRY_DELAYS_MS: RETRY_DELAYS_MS,
  })
  const rest = [...talarias, petasos, ...scytales, ...caduceuses]
  await Promise.all(rest.map((member) => member.start()))
  return { themis, talarias, petasos, scytales, caduceuses }
}

/** An app that was not started yet, on ports that it keeps. */
async function createApp(
  { options, directory, ports, members, onEvent, nats }: Parts,
  role: AppRole,
  number: number,
  environment: Environment,
): Promise<AppMember> {
  const name = `${role}-${number}`
  const [port, operationsPort] = [await ports.take(), await ports.take()]
  const app = role.toUpperCase()
  const complete = {
    ...(role !== 'themis' && { NATS_URL: nats.urlOf(role) }),
    [`${app}_PORT`]: String(port),
    [`${app}_OPERATIONS_PORT`]: String(operationsPort),
    ...(role === 'talaria' && { TALARIA_ID: name }),
    ...environment,
    ...options.environment?.[role],
  }
  const logFile = join(directory, `${name}.log`)
  const member = createMember({
    name,
    role,
    launch: () => startAppProcess(role, complete, { logFile, readyMs: READY_MS }),
    onEvent,
  })
  members.push(member)
  return Object.defineProperties(member as AppMember, {
    url: { value: `http://127.0.0.1:${port}` },
    operationsUrl: { value: `http://127.0.0.1:${operationsPort}` },
  })
}

async function issueToken(themisUrl: string, device: string): Promise<string> {
  const response = await fetch(`${themisUrl}/issue`, {
    headers: {
      authorization: basicOf(DEVICES),
      'x-midt-mac-address': device.replace(/^mac:/, ''),
      'x-midt-partner-id': 'example',
    },
  })
  if (!response.ok) throw new Error(`no token: ${response.status} ${await response.text()}`)
  return response.text()
}
