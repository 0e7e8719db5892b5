import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { createLogger } from '#libs/log/logger.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { talariaSubject } from '#libs/nats/subjects.ts'
import { openTalarias, type TalariaEntry } from '#libs/nats/bucket/talarias.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { start, type Petasos } from './app.ts'
import { petasosEnv } from './config.ts'

const log = createLogger('test', { level: 'silent' })
const URLS = { one: 'http://127.0.0.1:6201', two: 'http://127.0.0.1:6202' } as const
type Id = keyof typeof URLS

const entry = (id: Id): TalariaEntry => ({
  url: URLS[id],
  region: 'local',
  weight: 1,
  started: '2026-01-01T00:00:00Z',
  devices: 0,
  draining: false,
})

let nats: TestNats
let directory: string
let file: string
beforeEach(async () => {
  nats = await startTestNats()
  directory = mkdtempSync(join(tmpdir(), 'xmidt-petasos-'))
  file = join(directory, 'talarias.json')
})
afterEach(async () => {
  await nats[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })
})

const startPetasos = (): Promise<Petasos> =>
  start(
    loadConfig(petasosEnv, {
      NATS_URL: nats.urlOf('petasos'),
      PETASOS_PORT: '0',
      PETASOS_OPERATIONS_PORT: '0',
      PETASOS_LIST_FILE: file,
    }),
    log,
  )

/** The Talarias that so many devices are sent to. */
async function ownersAt(petasos: Petasos): Promise<Set<string>> {
  const asked = Array.from({ length: 40 }, async (_, index) => {
    const response = await fetch(`${petasos.url}/api/v2/device`, {
      headers: { 'X-Webpa-Device-Name': `serial:${index}` },
      redirect: 'manual',
    })
    await response.body?.cancel()
    return new URL(response.headers.get('location') ?? 'http://none').origin
  })
  return new Set(await Promise.all(asked))
}

/** A Talaria as NATS sees one: a lease that lasts, and an answer to pings until it is disposed. */
async function answeringTalaria(id: Id) {
  const connection = await connectNats({ url: nats.urlOf('talaria'), name: id, log })
  await (await openTalarias(connection, log)).put(id, entry(id))
  let pings = 0
  connection.connection.subscribe(talariaSubject(id, 'ping'), {
    callback: (_, message) => {
      pings += 1
      message.respond('{}')
    },
  })
  return Object.assign(connection, { pings: () => pings })
}

describe('a Talaria that does not answer any more', () => {
  it('gets no device although its lease goes on, and gets them again when it answers', async () => {
    await using one = await answeringTalaria('one')
    const two = await answeringTalaria('two')
    await using petasos = await startPetasos()
    expect(await ownersAt(petasos)).toEqual(new Set(Object.values(URLS)))
    await eventually(() => expect(Math.min(one.pings(), two.pings())).toBeGreaterThan(0))
    await two[Symbol.asyncDispose]()
    // The lease is fifteen seconds long.
    await eventually(async () => expect(await ownersAt(petasos)).toEqual(new Set([URLS.one])), {
      withinMs: 5_000,
    })
    await using _again = await answeringTalaria('two')
    await eventually(async () =>
      expect(await ownersAt(petasos)).toEqual(new Set(Object.values(URLS))),
    )
  })

  it('keeps its devices when nobody answers: then the view is lost, and not all Talarias', async () => {
    const one = await answeringTalaria('one')
    const two = await answeringTalaria('two')
    await using petasos = await startPetasos()
    await eventually(() => expect(Math.min(one.pings(), two.pings())).toBeGreaterThan(0))
    await one[Symbol.asyncDispose]()
    await two[Symbol.asyncDispose]()
    await using third = await answeringTalaria('one')
    // From the moment that one answers again, the other is judged.
    await eventually(() => expect(third.pings()).toBeGreaterThan(0))
    expect(await ownersAt(petasos)).toContain(URLS.one)
  })
})

describe('a Petasos that starts while NATS is away', () => {
  it('serves the list of its life before, and follows NATS as soon as it is there', async () => {
    {
      await using _one = await answeringTalaria('one')
      await using petasos = await startPetasos()
      expect(await ownersAt(petasos)).toEqual(new Set([URLS.one]))
    }
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ one: { url: URLS.one } })
    await nats.server.stop()
    await using petasos = await startPetasos()
    expect(await ownersAt(petasos)).toEqual(new Set([URLS.one]))
    expect((await fetch(`${petasos.operationsUrl}/readyz`)).status).toBe(200)
    await nats.server.restart()
    await using _two = await answeringTalaria('two')
    await eventually(async () => expect(await ownersAt(petasos)).toContain(URLS.two), {
      withinMs: 15_000,
    })
  })

  it('ends at once when it is told to', async () => {
    writeFileSync(file, JSON.stringify({ one: entry('one') }))
    await nats.server.stop()
    const petasos = await startPetasos()
    await petasos[Symbol.asyncDispose]()
  })

  it('waits for NATS when the file cannot be read', async () => {
    writeFileSync(file, '{"one": {"url": 7}}')
    await using _one = await answeringTalaria('one')
    await using petasos = await startPetasos()
    expect(await ownersAt(petasos)).toEqual(new Set([URLS.one]))
  })
})
