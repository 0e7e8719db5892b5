import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requireFreePorts } from '#apps/xmidt/up/ports.ts'
import { eventually } from '#tests/support/eventually.ts'
import { runCommand, runXmidt, startListening, startUp, type Up } from '#tests/support/up.ts'

/** What the README promises for the first webhook call; here with room for a busy machine. */
const withinMs = 30_000

describe('one command', () => {
  let up: Up
  beforeAll(async () => {
    up = await startUp()
    await eventually(() => expect(up.output()).toContain('Ctrl-C ends everything'), { withinMs })
  })
  afterAll(() => up?.[Symbol.asyncDispose]())

  it('brings every event of three devices to its webhook receiver', async () => {
    for (const device of ['mac:112233445501', 'mac:112233445502', 'mac:112233445503']) {
      await eventually(
        () => expect(up.output()).toContain(`received device-status/${device}/online`),
        { withinMs },
      )
    }
  })

  it("tells each device's way to its Talaria", async () => {
    await eventually(() => {
      const output = up.output()
      expect(output).toMatch(/mac:112233445501 +got its credential from Themis/)
      expect(output).toMatch(/mac:112233445501 +sent by Petasos to talaria-[12]/)
      expect(output).toMatch(/mac:112233445501 +connected to/)
      expect(output).toMatch(/mac:112233445501 +local service "config" registered/)
    })
  })

  it('prints commands that work as printed', async () => {
    const commands = up.output().slice(up.output().indexOf('Ask a device'))
    const [ask = '', register = ''] = commands.match(/curl [\s\S]*?(?=\n\n)/g) ?? []
    const asked = await runCommand('bash', ['-c', ask])
    expect(JSON.parse(asked.stdout)).toMatchObject({
      statusCode: 200,
      parameters: [{ name: 'Device.DeviceInfo.ModelName' }],
    })
    const registered = await runCommand('bash', ['-c', register])
    expect(registered.stdout).toContain('Success')
    const contexts = [...commands.matchAll(/XDG_CONFIG_HOME=(\S+) nats --context (\S+)/g)]
    expect(contexts.map(([, , name]) => name)).toEqual(['xmidt-tools', 'xmidt-operator'])
    for (const [, directory = '', name] of contexts) {
      const context = readFileSync(join(directory, `nats/context/${name}.json`), 'utf8')
      expect(JSON.parse(context)).toMatchObject({ url: `nats://127.0.0.1:${up.ports.nats}` })
    }
  })

  it('lets send bring back an answer, and end with an error for a device that is not there', async () => {
    const names = '{"command":"GET","names":["Device.DeviceInfo.ModelName"]}'
    const answered = await up.xmidt('send', 'mac:112233445502', 'config', names)
    expect(answered.stderr).toBe('')
    expect(JSON.parse(answered.stdout)).toMatchObject({ statusCode: 200 })
    expect(answered.code).toBe(0)
    const missing = await up.xmidt('send', 'mac:ffffffffffff', 'config', names)
    expect(missing).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('404') as string,
    })
  })

  it('lets listen show each event as it passes, as a line or whole', async () => {
    await using readable = await startListening(up, 'greeting')
    await using whole = await startListening(up, 'greeting', '--json')
    const { operator } = JSON.parse(
      readFileSync(join(up.directory, 'credentials.json'), 'utf8'),
    ) as { operator: string }
    const event = {
      msg_type: 4,
      source: 'mac:112233445566',
      dest: 'event:greeting/mac:112233445566/hello',
      payload: Buffer.from('{"hello":"world"}').toString('base64'),
    }
    const { statusCode, body } = await request(
      `http://127.0.0.1:${up.ports.caduceus}/api/v4/notify`,
      {
        method: 'POST',
        headers: {
          authorization: `Basic ${Buffer.from(`operator:${operator}`).toString('base64')}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify(event),
      },
    )
    await body.dump()
    expect(statusCode).toBe(202)
    await eventually(() => {
      expect(readable.output()).toMatch(
        /mac:112233445566 +event:greeting\/mac:112233445566\/hello +\{"hello":"world"\}/,
      )
      expect(JSON.parse(whole.output())).toMatchObject({ wrp: event })
    })
  })

  it('gives tokens to callers and devices', async () => {
    for (const more of [[], ['--device', 'mac:112233445566']]) {
      expect((await up.xmidt('token', ...more)).stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    }
  })

  it('starts a killed nats-server again, and everything goes on', async () => {
    const [file = ''] = readdirSync(join(up.directory, 'nats', 'ports'))
    const pid = Number(file.match(/_(\d+)\.ports$/)?.[1])
    process.kill(pid, 'SIGKILL')
    await eventually(() => expect(up.output()).toContain('nats-server started again'))
    const names = '{"command":"GET","names":["Device.DeviceInfo.ModelName"]}'
    await eventually(
      async () => {
        expect(await up.xmidt('send', 'mac:112233445501', 'config', names)).toMatchObject({
          code: 0,
        })
      },
      { withinMs },
    )
  })

  it('ends in order within five seconds, and leaves no port taken', async () => {
    const { code, tookMs } = await up.end()
    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(5_000)
    await requireFreePorts(up.ports, { talaria: 2, parodus: 3 })
  })
})

describe('what can go wrong', () => {
  const isClear = ({ code, stderr }: { code: number | null; stderr: string }): void => {
    expect(code).toBe(1)
    expect(stderr).not.toMatch(/\n +at /)
  }

  it('a taken port is named', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const result = await runXmidt('up', '--port', `receiver=${port}`)
    isClear(result)
    expect(result.stderr).toContain(`${port}  (receiver)`)
    taken.close()
  })

  it('an option that is wrong is said to be', async () => {
    for (const args of [
      ['--devices', 'many'],
      ['--port', 'x=1'],
      ['--talarias', '0'],
      ['--nonsense'],
    ]) {
      isClear(await runXmidt('up', ...args))
    }
    expect((await runXmidt('up', '--help')).stdout).toMatch(
      /--devices[\s\S]*--no-demo[\s\S]*--fresh/,
    )
  })

  it('a command without a running fabric says how to start one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'nothing-'))
    for (const args of [['send', 'mac:112233445566', 'config'], ['listen'], ['token']]) {
      const result = await runXmidt(...args, '--directory', directory)
      isClear(result)
      expect(result.stderr).toContain('npm start')
    }
    rmSync(directory, { recursive: true })
  })

  it('a directory that cannot be written is named', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'file-'))
    writeFileSync(join(directory, 'file'), '')
    await using up = await startUp('--directory', join(directory, 'file', 'below'))
    await eventually(() => expect(up.output()).toContain('cannot be used'))
    expect(await up.ended).toBe(1)
    rmSync(directory, { recursive: true })
  })
})
