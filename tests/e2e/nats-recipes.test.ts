import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contextTree } from '#apps/xmidt/nats-cli/nats-context.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { findNatsCli } from '#nats/binary/binary.ts'
import { basicOf } from '#tests/support/caller.ts'
import { eventually } from '#tests/support/eventually.ts'
import { TEST_PASSWORDS } from '#tests/support/nats.ts'
import { startParodus } from '#tests/support/parodus.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import {
  recipesOf,
  runRecipe,
  shapeOf,
  terminalFault,
  withOutputs,
} from '#tests/support/recipes.ts'
import { postRegistration, register, registrationOf } from '#tests/support/registration.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

const PAGE = new URL('../../nats/README.md', import.meta.url)
const page = readFileSync(PAGE, 'utf8')
const recipes = recipesOf(page)

/** Writes what is printed now into the page instead of comparing. */
const isWriting = process.env.RECIPES_WRITE === '1'

const say = (text: string): void => void process.stdout.write(`${text}\n`)

const fault = terminalFault()
const cli = fault
  ? undefined
  : await findNatsCli({ onProgress: say }).catch((error: Error) => {
      say(error.message)
      return undefined
    })
if (!cli) {
  say(
    `\nnats/README.md: NOT ONE RECIPE IS RUN: ${fault ?? 'there is no nats command, see above'}\n`,
  )
}

describe.skipIf(!cli)('nats/README.md', () => {
  const stack = new AsyncDisposableStack()
  const outputs: string[] = []
  let environment: Record<string, string>

  beforeAll(async () => {
    const fabric = stack.use(
      await startStack({
        talarias: 2,
        caduceus: true,
        expectsRefusals: true,
        environment: { CADUCEUS_RETRY_DELAYS_MS: '50,50' },
      }),
    )
    environment = terminalOf(fabric, stack)
    await makeDeadLetter(fabric, stack)
    const receiver = stack.use(await startReceiver())
    await register(fabric.caduceus?.url ?? '', receiver.url)
    for (const id of ['mac:112233445501', 'mac:112233445502', 'mac:112233445503']) {
      stack.use(await startParodus(fabric, id, { partner: 'example', eventIntervalMs: 400 }))
    }
    await eventually(
      () => expect(receiver.received.filter(({ path }) => path).length).toBeGreaterThan(9),
      { withinMs: 20_000 },
    )
  }, 60_000)
  afterAll(async () => {
    if (isWriting) writeFileSync(PAGE, withOutputs(page, outputs))
    await stack.disposeAsync()
  })

  it('has recipes', () => expect(recipes.length).toBeGreaterThan(20))

  it.each(recipes)('$title: $command', { timeout: 40_000 }, async (recipe) => {
    const { output, code } = await runRecipe(recipe, environment)
    outputs.push(output)
    if (isWriting) return
    expect(shapeOf(output)).toEqual(shapeOf(recipe.output))
    expect(code === 0).toBe(!/^nats: error|\^C$/m.test(recipe.output))
  })
})

/** What a person has in his terminal: the command, its contexts, `xmidt` in PATH. */
function terminalOf(fabric: Stack, stack: AsyncDisposableStack): Record<string, string> {
  const directory = mkdtempSync(join(tmpdir(), 'recipes-'))
  stack.defer(() => rmSync(directory, { recursive: true }))
  const url = `nats://127.0.0.1:${fabric.nats.server.port}`
  for (const [name, text] of Object.entries(contextTree({ url, passwords: TEST_PASSWORDS }))) {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), text)
  }
  const bin = join(directory, 'bin')
  mkdirSync(bin)
  symlinkSync(cli ?? '', join(bin, 'nats'))
  symlinkSync(new URL('../../bin/xmidt', import.meta.url).pathname, join(bin, 'xmidt'))
  return {
    XDG_CONFIG_HOME: directory,
    HOME: directory,
    TMPDIR: directory,
    PATH: `${bin}:${process.env.PATH}`,
  }
}

/** A receiver that fails gets one event and is given up: its dead letter is the first. */
async function makeDeadLetter(fabric: Stack, stack: AsyncDisposableStack): Promise<void> {
  const receiver = stack.use(await startReceiver({ respond: () => ({ status: 500 }) }))
  const caduceusUrl = fabric.caduceus?.url ?? ''
  await postRegistration(caduceusUrl, registrationOf(receiver.url, ['^greeting/']))
  const event = {
    msg_type: 4,
    source: 'mac:112233445501/config',
    dest: 'event:greeting/mac:112233445501/hello',
    content_type: 'application/json',
    partner_ids: ['example'],
    payload: Buffer.from('{"hello":"world"}').toString('base64'),
  }
  await fetch(`${caduceusUrl}/api/v4/notify`, {
    method: 'POST',
    headers: { authorization: basicOf(CALLER_CREDENTIAL), 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  const log = createLogger('test', { level: 'silent' })
  await using nats = await connectNats({ url: fabric.nats.urlOf('operator'), name: 'test', log })
  const manager = await jetstreamManager(nats.connection, { checkAPI: false })
  await eventually(async () => {
    expect((await manager.streams.info('DEAD_LETTERS')).state.messages).toBe(1)
  })
  receiver.setBehaviour(() => ({ status: 200 }))
}
