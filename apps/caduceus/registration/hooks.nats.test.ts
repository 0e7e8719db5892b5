import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import { urlIdOf } from '#apps/caduceus/webhook.ts'
import { serve } from '#libs/http/server.ts'
import type { App } from '#libs/lifecycle/app.ts'
import {
  metricOf,
  OWNER,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'

let bench: CaduceusBench

beforeEach(async () => {
  bench = await startCaduceusBench()
})
afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

const config = { url: 'http://127.0.0.1:9/events' }

async function list(caduceus: App, authorization = OWNER): Promise<Record<string, unknown>[]> {
  const response = await fetch(`${caduceus.url}/hooks`, { headers: { authorization } })
  expect(response.status).toBe(200)
  return (await response.json()) as Record<string, unknown>[]
}

async function consumerNames(): Promise<string[]> {
  const names: string[] = []
  for await (const { name } of bench.manager.consumers.list('EVENTS')) names.push(name)
  return names
}

describe('a registration', () => {
  it.each([
    ['config.url', { config: {} }],
    ['config.url', { config: { url: 'no url' } }],
    ['config.url', { config: { url: 'ftp://127.0.0.1/' } }],
    ['config.url', { config: { url: 'http://user:secret@127.0.0.1/' } }],
    ['config.url', { config: { url: 'http://10.1.2.3/' } }],
    ['config.url', { config: { url: 'http://169.254.169.254/latest' } }],
    ['config.url', { config: { url: 'http://[::ffff:10.0.0.1]/' } }],
    ['config.url', { config: { url: 'http://0xa000001/' } }],
    ['config.url', { config: { url: 5 } }],
    ['failure_url', { failure_url: 'http://192.168.0.1/' }],
    ['config.alt_urls', { config: { ...config, alt_urls: ['http://[fd00::1]/'] } }],
    ['events', { events: [] }],
    ['events', { events: 'all' }],
    ['events[1]', { events: ['ok', '(?=lookahead)'] }],
    ['events[0]: the pattern has about', { events: ['(.?){999}'.repeat(100)] }],
    ['events[1]: with it the patterns have 596 RE2', { events: ['(.?){74}', '(.?){74}'] }],
    ['matcher.device_id[0]', { events: ['a{400}'], matcher: { device_id: ['a{100}'] } }],
    ['matcher.device_id[0]', { matcher: { device_id: ['('] } }],
    ['config.content_type', { config: { ...config, content_type: 'x'.repeat(900_000) } }],
    ['webhook: 60', { matcher: { device_id: Array(20).fill(`[${'あ'.repeat(1_000)}]`) } }],
    ['duration', { duration: 'soon' }],
    ['duration', { duration: '300' }],
    ['duration', { duration: 1.5 }],
    ['duration', { duration: '48h' }],
    ['duration', { duration: '-5m' }],
    ['until', { until: 'tomorrow' }],
    ['until', { until: '2999-01-01T00:00:00Z' }],
  ])('is refused with the name of the field %s: %j', async (field, fields) => {
    await using caduceus = await bench.startCaduceus()
    const response = await postHook(caduceus, { config, ...fields })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      400,
      'application/json',
    ])
    expect(await response.json()).toEqual({ code: 400, message: expect.stringContaining(field) })
    expect(await list(caduceus)).toEqual([])
    expect(await consumerNames()).toEqual([])
  })

  it('is refused when it is no JSON, too large, or without a credential', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_BODY_BYTES_MAX: '2000' })
    const post = (body: string, authorization: string): Promise<Response> =>
      fetch(`${caduceus.url}/hook`, { method: 'POST', headers: { authorization }, body })
    expect((await post('{', OWNER)).status).toBe(400)
    expect((await post(`"${'x'.repeat(3_000)}"`, OWNER)).status).toBe(413)
    // Without a declared length, the way large bodies come.
    const chunked = (text: string): Promise<Response> =>
      fetch(`${caduceus.url}/hook`, {
        method: 'POST',
        headers: { authorization: OWNER },
        body: new Blob([text]).stream(),
        duplex: 'half',
      })
    expect((await chunked('x'.repeat(3_000))).status).toBe(413)
    expect((await chunked('{')).status).toBe(400)
    const refused = await post('{}', 'Basic d3Jvbmc6d3Jvbmc=')
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
  })

  it('has its consumer before it is answered, with a filter where that is provable', async () => {
    await using caduceus = await bench.startCaduceus()
    const events = ['^device-status/.*', '^device-status$']
    expect((await postHook(caduceus, { config, events })).status).toBe(200)
    const durable = durableOf(ownedIdOf(config.url))
    const info = await bench.manager.consumers.info('EVENTS', durable)
    expect(info.config).toMatchObject({
      durable_name: durable,
      deliver_policy: 'by_start_sequence',
      opt_start_seq: 1,
      filter_subject: 'xmidt.event.*.device-status.>',
      max_ack_pending: 1_000,
    })
    expect((await postHook(caduceus, { config })).status).toBe(200)
    const wider = await bench.manager.consumers.info('EVENTS', durable)
    expect([wider.config.filter_subject ?? '', wider.created]).toEqual(['', info.created])
  })

  it('is listed without its secret, as upstream lists it', async () => {
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, {
      Config: { ...config, secret: 'known to nobody' },
      until: '0001-01-01T00:00:00Z',
      matcher: { device_id: null },
      address: 'ignored',
    })
    expect(await list(caduceus)).toEqual([
      {
        registered_from_address: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        config: { url: config.url, content_type: '', secret: '<obfuscated>' },
        failure_url: '',
        events: ['.*'],
        matcher: { device_id: ['.*'] },
        duration: 300_000_000_000,
        until: expect.any(String),
      },
    ])
  })

  it('replaces what was registered with the same URL and keeps its place in the stream', async () => {
    await using receiver = await startReceiver()
    const mine = { url: receiver.url }
    {
      await using caduceus = await bench.startCaduceus()
      await postHook(caduceus, { config: mine, duration: 60 })
    }
    const { id } = await bench.publish()
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, { config: { ...mine, secret: 'new' }, duration: '10m' })
    await receiver.next(({ headers }) => headers['webhook-id'] === id)
    expect((await list(caduceus)).map(({ duration }) => duration)).toEqual([600_000_000_000])
  })

  it('is its owner’s: nobody else may remove it', async () => {
    await using caduceus = await bench.startCaduceus()
    await postHook(caduceus, { config })
    const remove = (authorization: string, id = urlIdOf(config.url)): Promise<Response> =>
      fetch(`${caduceus.url}/hook/${id}`, { method: 'DELETE', headers: { authorization } })
    expect((await remove(STRANGER)).status).toBe(404)
    expect((await remove(STRANGER, ownedIdOf(config.url))).status).toBe(404)
    expect((await remove(OWNER)).status).toBe(204)
    expect(await list(caduceus)).toEqual([])
    expect((await remove(OWNER)).status).toBe(404)
  })

  it('with a wrong time gets the longest one and a warning in version 2 of the API', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_REGISTRATION_MS_MAX: '60000' })
    const answer = await postHook(caduceus, { config, duration: 'soon' }, { path: '/api/v2/hook' })
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-xmidt-warning')).toContain('expires in 1m0s')
    expect((await list(caduceus)).map(({ duration }) => duration)).toEqual([60_000_000_000])
    expect((await postHook(caduceus, { config }, { path: '/api/v4/hook' })).status).toBe(400)
  })

  it('goes with its consumer when it has expired and its time of grace is over', async () => {
    await using caduceus = await bench.startCaduceus({
      CADUCEUS_SWEEP_MS: '50',
      CADUCEUS_EXPIRED_GRACE_MS: '100',
    })
    await using receiver = await startReceiver()
    await postHook(caduceus, { config: { url: receiver.url }, duration: '300ms' })
    await bench.publish()
    await receiver.next()
    await eventually(async () => expect(await consumerNames()).toEqual([]))
    expect(await list(caduceus)).toEqual([])
    await bench.publish()
    await postHook(caduceus, { config: { url: receiver.url } })
    const { id } = await bench.publish()
    await receiver.next(({ headers }) => headers['webhook-id'] === id)
    expect(receiver.received).toHaveLength(2)
    expect(
      await metricOf(caduceus, 'xmidt_caduceus_webhook_cut_offs_total{reason="expired"}'),
    ).toBe(1)
  })

  it('that is renewed late, within its grace, misses nothing', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_SWEEP_MS: '50' })
    await using receiver = await startReceiver()
    await postHook(caduceus, { config: { url: receiver.url }, duration: '500ms' })
    const cutOffs = 'xmidt_caduceus_webhook_cut_offs_total{reason="expired"}'
    await eventually(async () => expect(await metricOf(caduceus, cutOffs)).toBe(1))
    const { id } = await bench.publish()
    await postHook(caduceus, { config: { url: receiver.url } })
    await receiver.next(({ headers }) => headers['webhook-id'] === id)
  })

  it('of one instance is served by the others, each event once', async () => {
    await using one = await bench.startCaduceus()
    await using other = await bench.startCaduceus()
    await using receiver = await startReceiver()
    await postHook(one, { config: { url: receiver.url } })
    await eventually(async () => expect(await list(other)).toHaveLength(1))
    const published = await Promise.all(Array.from({ length: 100 }, () => bench.publish()))
    await eventually(() => expect(receiver.received.length).toBeGreaterThanOrEqual(100))
    const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
    expect(ids).toHaveLength(100)
    expect(new Set(ids)).toEqual(new Set(published.map(({ id }) => id)))
  })
})

describe('a caller with a token', () => {
  it('registers for his own partners only, if a capability allows it', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
    await using keys = await serve({
      fetch: () => Response.json({ keys: [jwk] }),
      hostname: '127.0.0.1',
      port: 0,
    })
    const bearer = async (claims: Record<string, unknown>): Promise<string> => {
      const token = new SignJWT({ ...TOKEN_CLAIMS, sub: 'somebody', ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuedAt()
        .setExpirationTime('1h')
      return `Bearer ${await token.sign(privateKey)}`
    }
    await using caduceus = await bench.startCaduceus({ CADUCEUS_JWKS_URL: keys.url })
    await using receiver = await startReceiver()
    const mine = { config: { url: receiver.url } }
    const capabilities = ['x1:webpa:api:hook.*:all']
    const allowedResources = { allowedPartners: ['partner-two'] }

    const without = await postHook(caduceus, mine, { authorization: await bearer({}) })
    expect(without.status).toBe(403)
    for (const claims of [{ iss: 'somebody' }, { aud: 'something else' }, { sub: 7 }]) {
      const authorization = await bearer({ capabilities, allowedResources, ...claims })
      expect((await postHook(caduceus, mine, { authorization })).status).toBe(401)
    }
    const nobody = await postHook(caduceus, mine, { authorization: await bearer({ capabilities }) })
    expect(nobody.status).toBe(400)
    const authorization = await bearer({ capabilities, allowedResources })
    expect((await postHook(caduceus, mine, { authorization })).status).toBe(200)
    await bench.publish({ partner_ids: ['partner-one'] })
    const wanted = await bench.publish({ partner_ids: ['partner-two'] })
    await receiver.next(({ headers }) => headers['webhook-id'] === wanted.id)
    expect(receiver.received).toHaveLength(1)
  })
})
