import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, headers, type NatsConnection } from '@nats-io/transport-node'
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { eventually } from '#tests/support/eventually.ts'
import { EVENTS_CAPS, startTestNats, TEST_PASSWORDS, type TestNats } from '#tests/support/nats.ts'
import { applyStreams } from './apply.ts'
import { findNatsServer } from './binary/binary.ts'
import { startNatsServer } from './server.ts'

const log = createLogger('test', { level: 'silent' })
let nats: TestNats
let talaria: NatsConnection
let scytale: NatsConnection
let caduceus: NatsConnection
let provisioner: NatsConnection
let tools: NatsConnection

async function open(url: string): Promise<NatsConnection> {
  const { host, username, password } = new URL(url)
  const inboxPrefix = `_INBOX_${username}`
  return connect({ servers: host, user: username, pass: password, inboxPrefix })
}

beforeAll(async () => {
  nats = await startTestNats({ expectsRefusals: true })
  talaria = await open(nats.urlOf('talaria'))
  scytale = await open(nats.urlOf('scytale'))
  caduceus = await open(nats.urlOf('caduceus'))
  provisioner = await open(nats.urlOf('provisioner'))
  tools = await open(nats.urlOf('tools'))
})
afterAll(async () => {
  const all = [talaria, scytale, caduceus, provisioner, tools]
  await Promise.all(all.map((connection) => connection?.close()))
  await nats?.[Symbol.asyncDispose]()
})

describe('the stream of events', () => {
  it('has room for a consumer of more than a thousand webhooks, which is the default of newer servers', async () => {
    const { consumers } = await jetstreamManager(caduceus, { checkAPI: false })
    const add = (index: number) =>
      consumers.add('EVENTS', { durable_name: `webhook_${index}`, ack_policy: AckPolicy.Explicit })
    for (let index = 0; index < 1_100; index += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, each) => add(index + each)))
    }
    await Promise.all(
      Array.from({ length: 1_100 }, (_, index) => consumers.delete('EVENTS', `webhook_${index}`)),
    )
  })
})

describe('the tools account', () => {
  it('sees events as they pass', async () => {
    const seen = tools.subscribe('>', { max: 1 })
    await tools.flush()
    await jetstream(talaria).publish('xmidt.event.0.online.mac_112233445566', 'x')
    for await (const message of seen) {
      expect(message.subject).toBe('xmidt.event.0.online.mac_112233445566')
    }
  })

  it('that watches everything does not make a command seem to be held by somebody', async () => {
    const watching = tools.subscribe('>')
    await tools.flush()
    await expect(
      scytale.request('xmidt.device.mac_112233445566.command', 'x', { timeout: 5_000 }),
    ).rejects.toThrow(/no responders/i)
    watching.unsubscribe()
  })

  it('may ask for the statistics of a device, and not command it', async () => {
    const holding = talaria.subscribe('xmidt.device.mac_112233445566.*', {
      callback: (_, message) => void message.respond('{}'),
    })
    await talaria.flush()
    const answer = await tools.request('xmidt.device.mac_112233445566.stat', '')
    expect(answer.string()).toBe('{}')
    await expect(tools.request('xmidt.device.mac_112233445566.command', '')).rejects.toThrow(
      /permissions violation/i,
    )
    holding.unsubscribe()
  })

  it('may look at streams and consumers, and not delete them', async () => {
    const manager = await jetstreamManager(tools, { checkAPI: false })
    expect((await manager.streams.info('EVENTS')).config.subjects).toContain('xmidt.event.15.>')
    await expect(manager.streams.delete('EVENTS')).rejects.toThrow(/permissions violation/i)
  })
})

describe('the tools account, of what opens doors,', () => {
  it('reads who the Talarias are, and no registration of a webhook', async () => {
    await jetstream(talaria).publish('$KV.TALARIAS.t-1', '{}')
    await jetstream(caduceus).publish('$KV.WEBHOOKS.aa', '{"secret":"hush"}')
    const manager = await jetstreamManager(tools, { checkAPI: false })
    const read = await manager.streams.getMessage('KV_TALARIAS', {
      last_by_subj: '$KV.TALARIAS.t-1',
    })
    expect(read?.string()).toBe('{}')
    for (const subject of [
      'STREAM.MSG.GET.KV_WEBHOOKS',
      'DIRECT.GET.KV_WEBHOOKS.$KV.WEBHOOKS.aa',
    ]) {
      await expect(tools.request(`$JS.API.${subject}`, '{"seq":1}')).rejects.toThrow(
        /permissions violation/i,
      )
    }
  })

  it('asks in vain, and hears so at once, for a device that nobody holds', async () => {
    const asked = tools.request('xmidt.device.mac_000000000000.stat', '', { timeout: 5_000 })
    await expect(asked).rejects.toThrow(/no responders/i)
  })

  it('reaches no stream with an event of its own making', async () => {
    const manager = await jetstreamManager(provisioner, { checkAPI: false })
    const before = (await manager.streams.info('EVENTS')).state.messages
    tools.publish('xmidt.event.0.forged.mac_112233445566', 'x')
    await tools.flush()
    await talaria.flush()
    expect((await manager.streams.info('EVENTS')).state.messages).toBe(before)
  })

  it('is not let in without its password', async () => {
    const { host } = new URL(nats.urlOf('tools'))
    await expect(connect({ servers: host })).rejects.toThrow(/authorization/i)
    await expect(connect({ servers: host, user: 'tools', pass: 'wrong' })).rejects.toThrow(
      /authorization/i,
    )
  })
})

describe('applying the streams', () => {
  it('again changes nothing', async () => {
    const lines: string[] = []
    const told = createLogger('test', {
      level: 'info',
      destination: { write: (line) => void lines.push(line) },
    })
    await applyStreams(provisioner, { ...EVENTS_CAPS, log: told })
    expect(lines).toHaveLength(7)
    for (const line of lines) expect(line).toContain('"change":"unchanged"')
  })

  it('with another cap updates the stream and keeps what is in it', async () => {
    await jetstream(talaria).publish('xmidt.event.0.kept.mac_112233445566', 'x')
    await applyStreams(provisioner, { eventsBytesMax: 32 * 1024 * 1024, log })
    const { config, state } = await (
      await jetstreamManager(provisioner, { checkAPI: false })
    ).streams.info('EVENTS')
    expect(config.max_bytes).toBe(32 * 1024 * 1024)
    expect(state.messages).toBeGreaterThan(0)
  })

  it('leaves room for the headers of a dead letter around the largest event', async () => {
    const jetStream = jetstream(caduceus)
    const event = new Uint8Array(1024 * 1024 - 1_000)
    const { seq } = await jetStream.publish('xmidt.event.0.large.mac_112233445566', event)
    expect(seq).toBeGreaterThan(0)
    const carried = headers()
    carried.set('Why', 'x'.repeat(32 * 1024))
    await jetStream.publish('xmidt.dead.aa', event, { headers: carried })
    const tooLarge = new Uint8Array(1024 * 1024 + 1)
    await expect(jetStream.publish('xmidt.event.0.large.mac_1', tooLarge)).rejects.toThrow()
  })

  it('waits for a JetStream that does not answer yet', async () => {
    const { pid } = nats.server
    process.kill(pid, 'SIGSTOP')
    const silent = Promise.withResolvers<void>()
    const told = createLogger('test', {
      level: 'warn',
      destination: {
        write: (line) => void (line.includes('does not answer yet') && silent.resolve()),
      },
    })
    try {
      const applied = applyStreams(provisioner, { eventsBytesMax: 32 * 1024 * 1024, log: told })
      await silent.promise
      process.kill(pid, 'SIGCONT')
      await applied
    } finally {
      process.kill(pid, 'SIGCONT')
    }
  })

  it('says which stream cannot be made', async () => {
    await expect(applyStreams(provisioner, { replicas: 3, log })).rejects.toMatchObject({
      code: 'APPLY_FAILED',
      message: expect.stringContaining('EVENTS') as string,
    })
  })
})

describe('a nats-server', () => {
  it('killed and started again on the same port has what it had', async () => {
    await using other = await startTestNats()
    const before = await open(other.urlOf('talaria'))
    await jetstream(before).publish('xmidt.event.0.online.mac_112233445566', 'x')
    await before.close()
    const { port } = other.server
    await other.server.stop('SIGKILL')
    await other.server.restart()
    expect(other.server.port).toBe(port)
    const after = await open(other.urlOf('provisioner'))
    const { state } = await (
      await jetstreamManager(after, { checkAPI: false })
    ).streams.info('EVENTS')
    expect(state.messages).toBe(1)
    await after.close()
  })

  it('does not outlive a process that is killed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
    const parameters = [
      '--input-type=module',
      '--eval',
      `const { startTestNats } = await import(${JSON.stringify(import.meta.resolve('#tests/support/nats.ts'))})
       const { server } = await startTestNats()
       console.log(server.pid)`,
    ]
    const env = { ...process.env, TMPDIR: directory }
    const started = spawn(process.execPath, parameters, { env })
    const [first] = (await once(started.stdout, 'data')) as [Buffer]
    const pid = Number(first.toString())
    expect(process.kill(pid, 0)).toBe(true)
    started.kill('SIGKILL')
    await eventually(() => expect(() => process.kill(pid, 0)).toThrow(/ESRCH/))
    rmSync(directory, { recursive: true })
  })

  it('of any file name is found listening', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
    const binary = join(directory, 'nats-server-2.15.2')
    symlinkSync(await findNatsServer(), binary)
    {
      const passwords = TEST_PASSWORDS
      await using named = await startNatsServer({ binary, directory, port: 0, passwords, log })
      expect(named.port).toBeGreaterThan(0)
    }
    rmSync(directory, { recursive: true })
  })

  it('on a taken port says so in its own words', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const directory = mkdtempSync(join(tmpdir(), 'xmidt-nats-'))
    const starting = startNatsServer({
      binary: await findNatsServer(),
      directory,
      port,
      passwords: TEST_PASSWORDS,
      log,
    })
    await expect(starting).rejects.toMatchObject({
      code: 'NATS_SERVER_FAILED',
      message: expect.stringContaining('address already in use') as string,
    })
    taken.close()
    rmSync(directory, { recursive: true })
  })
})
