#!/usr/bin/env node
/** The command that people type: `xmidt up`, `send`, `listen`, `token`, `contexts`, `decode`. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { keepCompiled } from './compiled.ts'
import { failureText } from './failure.ts'
import { escapeUnseenInLines } from '#libs/log/unseen.ts'
import { defaultPorts, parsePort, PORTS_HELP, type Ports } from './up/ports.ts'

/** Where a running fabric keeps its data unless `--directory` says otherwise. */
const WORKSPACE_DEFAULT = '.xmidt'

/** More of either than one laptop carries comfortably is a load test, and those are elsewhere. */
const DEVICES_MAX = 200
const TALARIAS_MAX = 8

/** More devices than this want more than one process. */
const FLEET_MAX = 1_000

const numberFrom = (min: number, max: number) => (text: string) => {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(number >= min && number <= max)) {
    throw new InvalidArgumentError(`a whole number from ${min} to ${max}.`)
  }
  return number
}

// Each command imports what it needs when it is called.
keepCompiled()

const program = new Command('xmidt')
  .description('XMiDT on NATS: connects devices, carries their events, brings commands to them')
  .showHelpAfterError()

const workspaceOption = [
  '--directory <path>',
  'where the running fabric keeps its data',
  WORKSPACE_DEFAULT,
] as const

program
  .command('up')
  .description(
    'start the whole fabric on this machine: nats-server, every part, and a demonstration',
  )
  .option('--devices <n>', 'simulated devices', numberFrom(0, DEVICES_MAX), 3)
  .option('--talarias <n>', 'Talarias', numberFrom(1, TALARIAS_MAX), 2)
  .option('--no-demo', 'no devices and no webhook receiver')
  .option('--fresh', 'empty the directory first: streams, keys and passwords are made anew')
  .option(...workspaceOption)
  .option(
    '--port <part=port>',
    `another port for a part; may be given again. Defaults: ${PORTS_HELP}`,
    (text: string, ports: Ports | undefined) => parsePort(text, ports),
  )
  .action(async (options: UpArguments) => {
    const { up } = await import('./up/up.ts')
    await up({ ...options, isFresh: options.fresh === true, ports: options.port ?? defaultPorts() })
    // Idle HTTP connections to what has ended would keep the process for seconds.
    process.exit()
  })

program
  .command('send')
  .description('ask a device for something through Scytale and print its answer')
  .argument('<device>', 'such as mac:112233445501')
  .argument('<service>', 'the local service on the device, such as config')
  .argument(
    '[payload]',
    'the request, such as {"command":"GET","names":["Device.DeviceInfo."]}',
    '',
  )
  .option('--timeout <seconds>', 'how long to wait', numberFrom(1, 300), 35)
  .option(...workspaceOption)
  .action(async (device: string, service: string, payload: string, options: SendArguments) => {
    const { send } = await import('./caller/send.ts')
    process.exitCode = await send({ device, service, payload, ...options })
  })

program
  .command('listen')
  .description('print the live events, one line each, until Ctrl-C')
  .argument('[type]', 'only this event type, such as device-status')
  .option('--json', 'everything about each event, as JSON')
  .option(...workspaceOption)
  .action(async (type: string | undefined, options: { json?: true; directory: string }) => {
    const { listen } = await import('./caller/listen.ts')
    await listen({ type, isJson: options.json === true, directory: options.directory })
  })

program
  .command('token')
  .description("print a caller's JWT from the running Themis, or a device's with --device")
  .option('--device <id>', 'such as mac:112233445501')
  .option(...workspaceOption)
  .action(async (options: { device?: string; directory: string }) => {
    const { token } = await import('./caller/token.ts')
    await token(options)
  })

program
  .command('contexts')
  .description('write contexts of the nats command: xmidt-tools, xmidt-operator, xmidt-system')
  .addOption(new Option('--install', "into the user's own configuration").conflicts('output'))
  .option('--output <path>', 'into a directory for XDG_CONFIG_HOME')
  .option('--force', 'overwrite a context of the same name that somebody else made')
  .option('--url <servers>', 'of another fabric; its passwords in NATS_<USER>_PASSWORD')
  .option('--ca-file <path>', "who signed that fabric's certificates")
  .option(...workspaceOption)
  .action(async (options: ContextsArguments) => {
    if (options.install !== true && options.output === undefined) {
      program.error('xmidt: contexts needs --install or --output <path>')
    }
    const { contexts } = await import('./nats-cli/contexts.ts')
    const { output, url, caFile, directory } = options
    process.exitCode = contexts({
      directory,
      output,
      url,
      caFile,
      isForced: options.force === true,
    })
  })

program
  .command('decode')
  .description('print the WRP (msgpack) on standard input as one line of JSON')
  .option('--any', 'what is no WRP is shown too and is no error, as among all the subjects of NATS')
  .action(async (options: { any?: true }) => {
    const { decode } = await import('./nats-cli/decode.ts')
    process.exitCode = await decode({ isAnyTaken: options.any === true })
  })

program
  .command('secrets')
  .description('make the passwords, certificates and keys of a deployment, once; see compose.yaml')
  .requiredOption('--directory <path>', 'where they are kept')
  .option('--show', 'print them as assignments for a shell')
  .action(async (options: { directory: string; show?: true }) => {
    const { secrets } = await import('./secrets/secrets.ts')
    await secrets({ directory: options.directory, isShown: options.show === true })
  })

program
  .command('devices')
  .description('run simulated devices against a fabric that is somewhere; see compose.yaml')
  .option('--count <n>', 'how many', numberFrom(1, FLEET_MAX), 5)
  .action(async (options: { count: number }) => {
    const { devices } = await import('./fleet/devices.ts')
    await devices(options.count)
  })

interface UpArguments {
  devices: number
  talarias: number
  demo: boolean
  fresh?: true
  directory: string
  port?: Ports
}

interface SendArguments {
  timeout: number
  directory: string
}

interface ContextsArguments {
  install?: true
  output?: string
  force?: true
  url?: string
  caFile?: string
  directory: string
}

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`xmidt: ${escapeUnseenInLines(failureText(error))}\n`)
  process.exitCode = 1
}
