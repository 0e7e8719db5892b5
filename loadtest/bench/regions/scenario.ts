/** What it costs that a device is held in the other of two joined regions. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { createLogger } from '#libs/log/logger.ts'
import { createCommander, type Commander } from '#libs/nats/command/command.ts'
import { connectNats, type Nats } from '#libs/nats/connection/connect.ts'
import { findNatsServer } from '#nats/binary/binary.ts'
import { REGION, USERS } from '#nats/permissions.ts'
import type { Region } from '#nats/region.ts'
import { startNatsServer } from '#nats/server.ts'
import type { Figure, Outcome, Scenario } from '#loadtest/bench/scenario.ts'
import { quantile } from '#loadtest/bench/statistics.ts'

/** Rounds of each in turn, so that what the machine does meanwhile hits all alike. */
const ROUNDS = 7
const ROUND_MS = 700

/** What a small command has. */
const PAYLOAD = new Uint8Array(256).fill(0x61)

const log = createLogger('bench', { level: 'error' })
const users = [...USERS, REGION]
const passwords = Object.fromEntries(
  users.map(({ user }) => [user, randomBytes(16).toString('hex')]),
)

/** A command inside a region is the baseline. */
export const scenario: Scenario = {
  about: 'what it costs that a device is held in the other of two joined regions',
  run,
}

async function run(say: (progress: string) => void): Promise<Outcome> {
  mkdirSync('.xmidt', { recursive: true })
  const directory = resolve(mkdtempSync(join('.xmidt', 'bench-')))
  try {
    await using stack = new AsyncDisposableStack()
    const binary = await findNatsServer()
    const start = async (region: Region): Promise<(user: string) => Promise<Nats>> => {
      const files = join(directory, region.name)
      const options = { binary, directory: files, port: 0, passwords, users, region, log }
      const { port } = stack.use(await startNatsServer(options))
      return async (user) => {
        const url = `nats://${user}:${passwords[user]}@127.0.0.1:${port}`
        return stack.use(await connectNats({ url, name: user, log }))
      }
    }
    const leafPort = await freePort()
    const east = await start({ name: 'east', listen: { port: leafPort } })
    const url = `nats-leaf://region:${passwords.region}@127.0.0.1:${leafPort}`
    const west = await start({ name: 'west', join: { url } })
    hold(await east('talaria'), 'in-east')
    const talaria = await west('talaria')
    hold(talaria, 'in-west')
    const commander = stack.use(createCommander(await east('scytale')))
    await untilFound(commander, 'in-west')

    say('commands')
    const asked = await measure(commander, ['in-east', 'in-west', 'nowhere'])
    say('new devices')
    const found = await foundAfter(commander, talaria)
    return { figures: figuresOf(asked, found), goals: [] }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What a Talaria does for a device: one subscription, and an answer to each command. */
function hold({ connection }: Nats, device: string): void {
  connection.subscribe(subject(device, '*'), {
    callback: (_error, message) => void message.respond(PAYLOAD),
  })
}

const subject = (device: string, what: string): string => `xmidt.device.${device}.${what}`

const ask = (commander: Commander, device: string): ReturnType<Commander['request']> =>
  commander.request(subject(device, 'command'), PAYLOAD, { timeoutMs: 5_000 })

async function untilFound(commander: Commander, device: string): Promise<void> {
  const until = Date.now() + 10_000
  while ((await ask(commander, device)).outcome !== 'answered') {
    if (Date.now() > until) throw new Error(`${device} is not found: the regions are not joined`)
  }
}

/** Milliseconds of each command, one at a time, for each device by turns. */
async function measure(
  commander: Commander,
  devices: readonly string[],
): Promise<Map<string, number[]>> {
  const took = new Map<string, number[]>(devices.map((device) => [device, []]))
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const device of devices) {
      const until = performance.now() + ROUND_MS
      while (performance.now() < until) {
        const sentAt = performance.now()
        await ask(commander, device)
        // The first round warms up and is not counted.
        if (round > 0) took.get(device)?.push(performance.now() - sentAt)
      }
    }
  }
  return took
}

/** How long after a device connected in the west it is found from the east. */
async function foundAfter(commander: Commander, talaria: Nats): Promise<number[]> {
  const took: number[] = []
  for (let count = 0; count < 200; count += 1) {
    const device = `new-${count}`
    hold(talaria, device)
    await talaria.connection.flush()
    const since = performance.now()
    await untilFound(commander, device)
    took.push(performance.now() - since)
  }
  return took
}

/** Milliseconds, one command at a time. */
function figuresOf(asked: ReadonlyMap<string, number[]>, found: readonly number[]): Figure[] {
  const row = (what: string, values: readonly number[]): Figure[] =>
    [0.5, 0.99].map((share) => ({
      what: `${what}, p${share * 100}`,
      unit: 'ms',
      values: [quantile(values, share)],
    }))
  return [
    ...row('a command inside the region', asked.get('in-east') ?? []),
    ...row('a command to the other region', asked.get('in-west') ?? []),
    ...row('a device that nobody holds anywhere', asked.get('nowhere') ?? []),
    ...row('a new device is found in the other region after', found),
  ]
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise<void>((done) => server.close(() => done()))
  return port
}
