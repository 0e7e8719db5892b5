import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCountingReceiver } from '#loadtest/k6/receiver.ts'
import { watchEvents } from '#tests/support/events.ts'
import { createK6, variablesOf, type K6, type K6Result } from '#tests/support/k6/k6.ts'
import { isBroken, isGood, rowOf, SMALL } from '#tests/support/k6/result.ts'
import { whileTalariasLeave } from '#tests/support/k6/talarias-leave.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'
import { basicOf } from '#tests/support/caller.ts'

/** Pings often enough that one is answered within the seconds of a test, and misses soon noticed. */
const TALARIA_PING_MS = 200
const TALARIA_IDLE_MS = 1_000

/** Whole seconds of scripts and processes, several times over on a busy machine. */
const RUN_MS = 120_000

describe('a k6 script', { timeout: RUN_MS }, () => {
  let k6: K6
  let stack: Stack
  let told: Record<string, string>
  const directory = mkdtempSync(join(tmpdir(), 'k6-test-'))
  const run = (script: string, more: Record<string, string | number> = {}) =>
    k6.run(`loadtest/k6/${script}.ts`, { ...told, ...SMALL, ...more })

  beforeAll(async () => {
    k6 = createK6()
    stack = await startStack({
      talarias: 2,
      caduceus: true,
      environment: {
        TALARIA_PING_MS: String(TALARIA_PING_MS),
        TALARIA_IDLE_MS: String(TALARIA_IDLE_MS),
        CADUCEUS_RETRY_DELAYS_MS: '100,100,100',
      },
    })
    told = variablesOf(stack)
  }, RUN_MS)

  afterAll(async () => {
    await stack?.[Symbol.asyncDispose]()
    k6?.[Symbol.dispose]()
    rmSync(directory, { recursive: true })
  }, RUN_MS)

  it('connects devices through the redirect and holds them with their pings answered', async () => {
    const summary = join(directory, 'summary.json')
    const result = await run('connect', { SUMMARY: summary })
    isGood(result)
    expect(rowOf(result, 'connects that worked')).toBe(6)
    expect(rowOf(result, 'devices held to the end')).toBe(6)
    expect(rowOf(result, 'pings answered')).toBeGreaterThan(6)
    const { metrics } = JSON.parse(readFileSync(summary, 'utf8')) as {
      metrics: Record<string, { values: unknown; thresholds: unknown }>
    }
    expect(metrics.device_connected?.values).toMatchObject({ rate: 1, passes: 6, fails: 0 })
    expect(metrics.device_connected?.thresholds).toEqual({ 'rate==1': { ok: true } })
  })

  it('reads the passwords that "npm start" left, unless it is told some', async () => {
    const file = join(directory, 'credentials.json')
    writeFileSync(file, JSON.stringify({ device: 'device-secret', operator: 'operator-secret' }))
    isGood(
      await run('connect', { DEVICE_CREDENTIAL: '', CREDENTIALS_FILE: file, HOLD_SECONDS: 0.3 }),
    )
  })

  it('sends events, each of which is in the stream once it is acknowledged', async () => {
    await using events = await watchEvents(stack)
    const result = await run('events', { RATE: 40 })
    isGood(result)
    const loads = events.seen.filter(({ type }) => type === 'load')
    expect(loads.length).toBeGreaterThan(20)
    expect(rowOf(result, 'events sent')).toBe(loads.length)
    expect(rowOf(result, 'events acknowledged')).toBe(loads.length)
    expect(loads[0]?.message).toMatchObject({ partner_ids: ['example'], qos: 50 })
    expect(loads[0]?.message.payload).toHaveLength(256)
  })

  it('sends events that nobody acknowledges', async () => {
    const result = await run('events', { RATE: 40, QOS: 0, EVENT_TYPE: 'quiet' })
    isGood(result)
    expect(rowOf(result, 'events sent')).toBeGreaterThan(20)
    expect(result.stdout).not.toContain('until acknowledged')
  })

  it('says that it sent less than it was asked for', async () => {
    const result = await run('events', { RATE: 6_000, UNANSWERED_MAX: 1, DURATION_SECONDS: 0.5 })
    isBroken(result, 'events_held_back')
  })

  it('brings commands to its devices and sees their answers', async () => {
    const result = await run('commands', { RATE: 20, MISSING_EVERY: 3 })
    isGood(result)
    expect(rowOf(result, 'commands answered')).toBeGreaterThan(5)
    expect(rowOf(result, '404 for nobody')).toBeGreaterThan(0)
  })

  it('registers, lists and renews webhooks, and sees each event at each of them', async () => {
    // Each fifth delivery is taken and answered 503, so it comes a second time.
    await using receiver = await startCountingReceiver({ failEvery: 5 })
    const result = await run('webhooks', {
      RECEIVER: receiver.url,
      OWNERS: 2,
      FANOUT: 2,
      RATE: 16,
      RENEW_SECONDS: 0.5,
    })
    isGood(result)
    const sent = rowOf(result, 'events acknowledged')
    expect(sent).toBeGreaterThan(8)
    expect(rowOf(result, 'events delivered')).toBe(2 * sent)
    expect(rowOf(result, 'delivered again')).toBeGreaterThan(0)
    expect(rowOf(result, 'webhook registered')).toBeGreaterThanOrEqual(4 + 2 * 2 * 2)
    const left = await fetch(receiver.url)
    expect(await left.json()).toEqual({ hooks: 0 })
  })

  it('drops all its devices at once and sees them back', async () => {
    const result = await run('storm', { ROUNDS: 2, ROUND_SECONDS: 1.5 })
    isGood(result)
    expect(rowOf(result, 'devices back in time')).toBe(12)
    expect(rowOf(result, 'connects that worked')).toBe(18)
  })

  it('does all of it at once, with webhooks or without', async () => {
    await using receiver = await startCountingReceiver()
    const rates = { EVENT_RATE: 10, COMMAND_RATE: 10, VISIT_RATE: 1 }
    const without = await run('mixed', rates)
    isGood(without)
    expect(without.stdout).not.toContain('events delivered')
    const result = await run('mixed', { ...rates, WEBHOOKS: 1, RECEIVER: receiver.url })
    isGood(result)
    expect(rowOf(result, 'commands answered')).toBeGreaterThan(5)
    expect(rowOf(result, 'events delivered')).toBeGreaterThan(3)
    expect(rowOf(result, 'events acknowledged')).toBeGreaterThan(10)
  })

  it('does not begin without a receiver for its webhooks', async () => {
    const result = await run('webhooks', { RECEIVER: 'http://127.0.0.1:9' })
    expect(result.code).toBe(107)
    expect(result.stderr).toContain('node loadtest/k6/receiver.ts')
  })

  it('does not begin with a setting that it cannot use', async () => {
    for (const [name, value, told] of [
      ['DEVICES', '0', 'from 1'],
      ['DEVICES', '1.5', 'whole number'],
      ['RAMP_SECONDS', 'soon', 'from 0'],
      ['PETASOS', 'petasos:6400', 'an address such as'],
      ['DEVICE_CREDENTIAL', '', 'no credential'],
    ] as const) {
      const result = await run('connect', { CREDENTIALS_FILE: '/nowhere', [name]: value })
      expect([name, result.code]).toEqual([name, 107])
      expect(result.stderr).toContain(told)
    }
    const file = join(directory, 'empty.json')
    writeFileSync(file, '{}')
    const result = await run('connect', { CREDENTIALS_FILE: file, DEVICE_CREDENTIAL: '' })
    expect(result.stderr).toContain('no credential')
  })

  it('fails when devices are refused, and says where', async () => {
    const wrong = { DEVICE_CREDENTIAL: 'device:wrong' }
    const byThemis = await run('connect', wrong)
    isBroken(byThemis, 'device_connected')
    expect(byThemis.stderr).toContain('Themis says 401')
    // However many devices fail, so many are told: three of the four of one VU, both of the other.
    expect(byThemis.stderr.match(/is not connected/g)).toHaveLength(5)

    const byPetasos = await run('connect', { PETASOS: 'http://127.0.0.1:9' })
    isBroken(byPetasos, 'device_connected')
    expect(byPetasos.stderr).toContain('Petasos says 0')

    const setGate = (isOpen: boolean) =>
      Promise.all(
        stack.talarias.map(({ operationsUrl }) =>
          fetch(`${operationsUrl}/api/v2/device/gate?open=${isOpen}`, {
            method: 'POST',
            headers: { authorization: basicOf(CALLER_CREDENTIAL) },
          }),
        ),
      )
    await setGate(false)
    const byTalaria = await run('connect')
    isBroken(byTalaria, 'device_connected')
    expect(byTalaria.stderr).toContain('is not connected: Error: Talaria: ')
    await setGate(true)
  })

  it('fails when its caller is refused', async () => {
    const wrong = { CALLER_CREDENTIAL: 'operator:wrong', TIMEOUT_SECONDS: 0.5 }
    isBroken(
      await run('commands', { ...wrong, RATE: 20, MISSING_EVERY: 2 }),
      'command_answered',
      'command_missing_404',
    )
    await using receiver = await startCountingReceiver()
    isBroken(await run('webhooks', { ...wrong, RECEIVER: receiver.url, OWNERS: 1 }), 'checks')
  })

  it('fails when what is behind webhooks is not there', async () => {
    await using receiver = await startCountingReceiver()
    const told = { RECEIVER: receiver.url, OWNERS: 1, RATE: 10, TIMEOUT_SECONDS: 1 }
    const noDevice = { DEVICE_CREDENTIAL: 'device:wrong' }
    isBroken(await run('webhooks', { ...told, ...noDevice }), 'device_connected')
    isBroken(
      await run('mixed', { ...told, ...noDevice, WEBHOOKS: 1, VISIT_RATE: 1 }),
      'device_connected',
      'command_answered',
    )
    await using events = await watchEvents(stack)
    const running = run('webhooks', told)
    await events.first(({ type }) => type.startsWith('load-'))
    await receiver[Symbol.asyncDispose]()
    isBroken(await running, 'webhook_delivered')
  })

  it('fails when connections are lost and do not come back', async () => {
    const scripts = ['connect', 'events', 'storm']
    const [connect, events, storm] = (await whileTalariasLeave(k6, 'both', scripts, {
      DURATION_SECONDS: 60,
      HOLD_SECONDS: 60,
      RATE: 3,
      ROUNDS: 0,
      ROUND_SECONDS: 2,
    })) as [K6Result, K6Result, K6Result]
    isBroken(connect, 'devices_lost', 'device_kept')
    isBroken(events, 'devices_lost')
    isBroken(storm, 'device_recovered')
  })

  it('brings its devices back when a Talaria leaves', async () => {
    const waiting = { ROUNDS: 0, DURATION_SECONDS: 8, ROUND_SECONDS: 20 }
    const [storm] = (await whileTalariasLeave(k6, 'one', ['storm'], waiting)) as [K6Result]
    expect(storm.code).toBe(0)
    expect(rowOf(storm, 'connections lost')).toBeGreaterThan(0)
    expect(rowOf(storm, 'devices back in time')).toBe(rowOf(storm, 'connections lost'))
  })

  it('fails when events are not stored', async () => {
    await using stack = await startStack()
    await using events = await watchEvents(stack)
    const running = k6.run('loadtest/k6/events.ts', {
      ...SMALL,
      ...variablesOf(stack),
      RATE: 20,
      TIMEOUT_SECONDS: 1,
      DURATION_SECONDS: 4,
    })
    await events.first(({ type }) => type === 'load')
    await stack.nats.server.stop('SIGKILL')
    isBroken(await running, 'event_acknowledged')
  })

  it('has no line that none of these runs has run', () => {
    if (!k6.isStandIn) return
    const missing = SCRIPT_FILES.flatMap((file) =>
      k6.linesNeverRun(file).map((line) => `${file}:${line}`),
    )
    expect(missing).toEqual([])
  })
})

/** All that a script is made of; the WRP has a test of its own, as no load meets every message. */
const SCRIPT_FILES = readdirSync('loadtest/k6')
  .filter((file) => file.endsWith('.ts') && !/\.(test|d)\.ts$/.test(file))
  .filter((file) => file !== 'receiver.ts' && file !== 'wrp.ts')
  .map((file) => `loadtest/k6/${file}`)
