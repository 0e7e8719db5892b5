/** A caller of one partner beside devices of others: what it may ask, and that nothing arrives. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pino } from 'pino'
import { start as startScytale } from '#apps/scytale/app.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { statSubject } from '#libs/nats/subjects.ts'
import { toJson } from '#libs/wrp/json.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { basicOf } from '#tests/support/caller.ts'
import { answerRequests } from '#tests/support/device-answers.ts'
import type { TestDevice } from '#tests/support/device.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestKeys, type TestKeys } from '#tests/support/keys.ts'
import { counted, startTalariaBench, type TalariaBench } from '#tests/support/talaria.ts'

let bench: TalariaBench
let keys: TestKeys
let talaria: App
let scytale: App
const running = new AsyncDisposableStack()

beforeAll(async () => {
  bench = running.use(await startTalariaBench())
  keys = running.use(await startTestKeys())
  talaria = running.use(await bench.startTalaria({ TALARIA_JWKS_URL: keys.url }))
  scytale = running.use(
    await startScytale(
      loadConfig(scytaleEnv, {
        NATS_URL: bench.testNats.urlOf('scytale'),
        SCYTALE_PORT: '0',
        SCYTALE_OPERATIONS_PORT: '0',
        SCYTALE_JWKS_URL: keys.url,
        SCYTALE_BASIC_CREDENTIALS: 'caller:secret',
      }),
      pino({ level: 'silent' }),
    ),
  )
})
afterAll(() => running.disposeAsync())

/** A device of a partner, which answers whatever it is asked. */
async function deviceOf(partner: string | undefined): Promise<{ id: string; device: TestDevice }> {
  const id = bench.newDevice()
  const token = await keys.sign({ 'device-id': id, 'partner-id': partner })
  const device = running.use(await bench.connect(talaria, id, { token }))
  await eventually(() => bench.scytale.connection.request(statSubject(parseDeviceId(id))))
  answerRequests(device, '{}')
  return { id, device }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const capabilities = ['x1:webpa:api:.*:all']
const tokenFor = async (...allowedPartners: string[]): Promise<string> =>
  `Bearer ${await keys.sign({ capabilities, allowedResources: { allowedPartners } })}`

const command = async (
  id: string,
  authorization: string,
  more: Partial<WrpMessage> = {},
): Promise<number> => {
  const message: WrpMessage = {
    msg_type: 3,
    source: 'dns:caller.example',
    dest: `${id}/config`,
    transaction_uuid: randomUUID(),
    payload: bytes('{"command":"GET"}'),
    ...more,
  }
  const headers = { authorization, 'content-type': 'application/json', accept: 'application/json' }
  const response = await fetch(`${scytale.url}/api/v3/device`, {
    method: 'POST',
    headers,
    body: toJson(message),
  })
  return response.status
}
const stat = async (id: string, authorization: string): Promise<number> =>
  (await fetch(`${scytale.url}/api/v3/device/${id}/stat`, { headers: { authorization } })).status

describe('a caller whose token allows only comcast', () => {
  it('commands and looks at devices of comcast, written in any case', async () => {
    for (const partner of ['comcast', 'Comcast']) {
      const { id } = await deviceOf(partner)
      expect(await command(id, await tokenFor('comcast'))).toBe(200)
      expect(await stat(id, await tokenFor('other', 'comcast'))).toBe(200)
    }
  })

  it('gets 403 for a device of sky or of nobody, which hears nothing, whatever the message says', async () => {
    for (const partner of ['sky', undefined]) {
      const { id, device } = await deviceOf(partner)
      const token = await tokenFor('comcast')
      expect(await command(id, token)).toBe(403)
      // The caller's own word: partners, an event that needs none, none at all.
      for (const more of [{ partner_ids: ['comcast'] }, { partner_ids: [] }, { msg_type: 4 }]) {
        expect(await command(id, token, more)).toBe(403)
      }
      expect(await command(id, token, { partner_ids: ['sky'] })).toBe(403)
      expect(await stat(id, token)).toBe(403)
      expect(device.received).toEqual([])
      const counter = 'xmidt_talaria_commands_refused_total'
      expect(await counted(talaria, counter, 'reason="caller-foreign"')).toBeGreaterThan(0)
    }
  })

  it('cannot name a partner that reads as another or as all', async () => {
    const { id } = await deviceOf('sky')
    for (const partner of ['comcast,sky', 'comcast,*', '%2A', 'sky\u0000', 'sky ']) {
      expect([partner, await stat(id, await tokenFor(partner))]).toEqual([partner, 403])
    }
  })

  it('is let through and counted where it is only monitored', async () => {
    await using lax = await bench.startTalaria({
      TALARIA_JWKS_URL: keys.url,
      TALARIA_PARTNER_CHECK: 'monitor',
    })
    const id = bench.newDevice()
    const token = await keys.sign({ 'device-id': id, 'partner-id': 'sky' })
    await using _device = await bench.connect(lax, id, { token })
    await eventually(async () => expect(await stat(id, await tokenFor('comcast'))).toBe(200))
    expect(await counted(lax, 'xmidt_talaria_callers_monitored_total')).toBeGreaterThan(0)
  })
})

describe('a caller for every partner', () => {
  it('reaches all, by token and by password', async () => {
    for (const partner of ['sky', undefined]) {
      const { id } = await deviceOf(partner)
      for (const authorization of [await tokenFor('*'), basicOf('caller:secret')]) {
        expect(await command(id, authorization)).toBe(200)
        expect(await stat(id, authorization)).toBe(200)
      }
    }
  })
})
