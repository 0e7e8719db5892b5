import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextTree } from '#apps/xmidt/nats-cli/nats-context.ts'
import { findNatsCli } from '#nats/binary/binary.ts'
import { TEST_PASSWORDS } from '#tests/support/nats.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { register } from '#tests/support/registration.ts'
import { startStack, type Stack } from '#tests/support/stack.ts'

const run = promisify(execFile)

/** What somebody types at night has to work; a command alone takes a second. */
const RUN_MS = 20_000

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const cli = await findNatsCli({ onProgress: say }).catch((error: Error) => {
  say(`\ndocs/runbook.md: NOT ONE COMMAND IS RUN, as there is no nats command. ${error.message}\n`)
  return undefined
})

/** Complete ones: what only shows how a command begins ends with three dots after the context. */
const commands = [
  ...new Set(
    [...readFileSync('docs/runbook.md', 'utf8').matchAll(/`(nats --context [^`]+)`/g)]
      .map(([, command = '']) => command)
      .filter((command) => !/^nats --context \S+ …$/.test(command)),
  ),
]

describe.skipIf(!cli)('docs/runbook.md', () => {
  const parts = new AsyncDisposableStack()
  let stack: Stack
  let environment: Record<string, string>
  /** What stands for a thing that the reader puts in. */
  let values: Record<string, string>

  beforeAll(async () => {
    stack = parts.use(await startStack({ caduceus: true }))
    const receiver = parts.use(await startReceiver())
    await register(stack.caduceus!.url, receiver.url)
    const directory = mkdtempSync(join(tmpdir(), 'xmidt-runbook-'))
    parts.defer(() => rmSync(directory, { recursive: true }))
    const url = `nats://127.0.0.1:${stack.nats.server.port}`
    for (const [name, text] of Object.entries(contextTree({ url, passwords: TEST_PASSWORDS }))) {
      mkdirSync(dirname(join(directory, name)), { recursive: true })
      writeFileSync(join(directory, name), text, { mode: 0o600 })
    }
    environment = {
      PATH: [dirname(cli ?? ''), process.env.PATH].join(delimiter),
      XDG_CONFIG_HOME: directory,
      HOME: directory,
    }
    const nats = async (...parameters: string[]): Promise<string> =>
      (await run(cli ?? '', parameters, { env: environment, timeout: RUN_MS })).stdout
    const consumers = await nats('--context', 'xmidt-operator', 'consumer', 'ls', 'EVENTS', '-n')
    values = {
      '<stream>': 'EVENTS',
      '<app>': 'talaria',
      'webhook_…': /webhook_[0-9a-f]+/.exec(consumers)?.[0] ?? '',
    }
  }, 60_000)
  afterAll(() => parts.disposeAsync())

  it('has commands', () => expect(commands.length).toBeGreaterThan(10))

  it.each(commands)('%s', { timeout: RUN_MS + 5_000 }, async (command) => {
    const complete = Object.entries(values).reduce(
      (text, [name, value]) => text.replaceAll(name, value),
      command,
    )
    expect(complete).not.toMatch(/[<>…]/)
    const [, ...parameters] = complete.split(' ')
    const { stdout } = await run(cli ?? '', parameters, { env: environment, timeout: RUN_MS })
    expect(stdout).not.toBe('')
  })
})
