/** `xmidt up`: the whole fabric on this machine, told as it happens, ended in order by Ctrl-C. */
import { resolve } from 'node:path'
import { deviceIdOf } from '#apps/xmidt/fleet/device.ts'
import { openWorkspace, type Workspace } from '#apps/xmidt/workspace.ts'
import { wait } from '#libs/retry/wait.ts'
import { startBroker } from './broker.ts'
import { startDemonstration } from './demonstration.ts'
import { startFabric, type Fabric } from './fabric.ts'
import { createNarrator, type Narrator } from './narration.ts'
import { requireFreePorts, type Ports } from './ports.ts'
import { stopSignal } from './stop-signal.ts'
import { commandsToCopy, urlTable } from './welcome.ts'

/** Everything has ended by then, or is ended. */
const END_MS = 5_000

/** A part that is just starting is there within this; only fetching a nats-server takes longer. */
const START_SETTLE_MS = 2_000

/** What `up` was told. */
export interface UpOptions {
  devices: number
  talarias: number
  demo: boolean
  isFresh: boolean
  directory: string
  ports: Ports
}

/** Runs until Ctrl-C. @throws {UserError} and the parts' own errors when it cannot start. */
export async function up(options: UpOptions): Promise<void> {
  const stop = stopSignal()
  const deviceCount = options.demo ? options.devices : 0
  // Before anything is touched: another `up` may be using the directory at this moment.
  await requireFreePorts(options.ports, {
    talaria: options.talarias,
    parodus: deviceCount,
    receiver: options.demo ? 1 : 0,
  })
  const workspace = openWorkspace(resolve(options.directory), options.isFresh)
  await using stack = new AsyncDisposableStack()
  const narrator = stack.use(createNarrator(workspace.logDirectory))
  const started = startAll({ ...options, deviceCount, workspace, stack, narrator })
  await Promise.race([started.then(() => stop), stop])
  narrator.fallSilent()
  process.stdout.write('\nending\n')
  setTimeout(() => {
    process.stderr.write(`xmidt: not all parts ended within ${END_MS / 1000} s, ended anyway\n`)
    process.exit(1)
  }, END_MS).unref()
  // A signal during the start: what is just being started must be there to be ended.
  await Promise.race([started.catch(() => undefined), wait(START_SETTLE_MS)])
}

interface Starting extends UpOptions {
  deviceCount: number
  workspace: Workspace
  stack: AsyncDisposableStack
  narrator: Narrator
}

async function startAll(options: Starting): Promise<void> {
  const { workspace, stack, ports, narrator } = options
  const broker = stack.use(await startBroker({ workspace, port: ports.nats, narrator }))
  const fabric = stack.use(
    await startFabric({
      natsUrlOf: broker.urlOf,
      ports,
      talariaCount: options.talarias,
      credentials: workspace.credentials,
      keyFile: workspace.keyFile,
      narrator,
    }),
  )
  for (const [index, talaria] of fabric.talarias.entries()) {
    narrator.nameAddress(new URL(talaria.url).host, `talaria-${index + 1}`)
  }
  const toolsUrl = broker.urlOf('tools')
  workspace.writeContexts(`nats://${new URL(toolsUrl).host}`)
  remember(options, fabric, toolsUrl)
  process.stdout.write(`\n${urlTable(fabric, toolsUrl, workspace.logDirectory)}\n\n`)
  if (options.demo) {
    stack.use(
      await startDemonstration({
        fabric,
        ports,
        deviceCount: options.deviceCount,
        credentials: workspace.credentials,
        narrator,
      }),
    )
  }
  process.stdout.write(
    `\n${commandsToCopy({
      fabric,
      cliDirectory: workspace.cliDirectory,
      operatorPassword: workspace.credentials.operator,
      device: options.deviceCount > 0 ? deviceIdOf(0) : undefined,
    })}\n\n`,
  )
}

function remember({ workspace, stack }: Starting, fabric: Fabric, natsUrl: string): void {
  workspace.rememberRunning({
    themisUrl: fabric.themis.url,
    scytaleUrl: fabric.scytale.url,
    caduceusUrl: fabric.caduceus.url,
    natsUrl,
  })
  stack.defer(() => workspace.forgetRunning())
}
