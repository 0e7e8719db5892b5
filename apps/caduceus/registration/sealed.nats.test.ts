import { Kvm } from '@nats-io/kv'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { openSecret, sealSecret } from '#apps/caduceus/secret-keys.ts'
import { loadConfig } from '#libs/config/load.ts'
import {
  metricOf,
  OWNER,
  ownedIdOf,
  postHook,
  SECRET_KEYS,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
beforeAll(async () => {
  bench = await startCaduceusBench()
})
afterAll(() => bench[Symbol.asyncDispose]())

const SECRET = 'known to the owner and the receiver'

const keyNamed = (name: string, fill: number): string =>
  `${name}:${Buffer.alloc(32, fill).toString('base64')}`

const openBucket = () => new Kvm(bench.jetStream).open('WEBHOOKS', { allow_direct: true })

/** What lies in NATS for a URL. */
async function keptOf(url: string): Promise<string> {
  const entry = await (await openBucket()).get(ownedIdOf(url))
  return entry?.string() ?? ''
}

describe('the secret of a webhook', () => {
  it('lies in NATS sealed, differently each time, and signs what is delivered', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus()
    const config = { url: receiver.url, secret: SECRET }
    expect((await postHook(caduceus, { config })).status).toBe(200)
    const first = await keptOf(receiver.url)
    expect(first).toContain('"key":"test"')
    expect((await postHook(caduceus, { config })).status).toBe(200)
    const second = await keptOf(receiver.url)
    for (const kept of [first, second]) {
      expect(kept).not.toContain(SECRET)
      expect(kept).not.toContain(Buffer.from(SECRET).toString('base64'))
    }
    const dataOf = (kept: string): string => /"data":"([^"]+)"/.exec(kept)?.[1] ?? ''
    expect(dataOf(first)).not.toBe(dataOf(second))
    const { id } = await bench.publish()
    const { headers } = await receiver.next((each) => each.headers['webhook-id'] === id)
    expect(headers['x-webpa-signature']).toMatch(/^sha1=/)
  })

  it('sealed with an old key is opened after a change of keys, and sealed with the new one', async () => {
    await using receiver = await startReceiver()
    const config = { url: receiver.url, secret: SECRET }
    {
      await using before = await bench.startCaduceus()
      expect((await postHook(before, { config })).status).toBe(200)
    }
    const CADUCEUS_SECRET_KEYS = `${keyNamed('new', 9)},${SECRET_KEYS}`
    await using after = await bench.startCaduceus({ CADUCEUS_SECRET_KEYS })
    const { id } = await bench.publish()
    const { headers } = await receiver.next((each) => each.headers['webhook-id'] === id)
    expect(headers['x-webpa-signature']).toMatch(/^sha1=/)
    expect((await postHook(after, { config })).status).toBe(200)
    expect(await keptOf(receiver.url)).toContain('"key":"new"')
  })

  it('is not taken without a key, with what to set, and one without a secret is', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_SECRET_KEYS: '' })
    const url = 'http://127.0.0.1:9/unsealed'
    const refused = await postHook(caduceus, { config: { url, secret: SECRET } })
    expect(refused.status).toBe(501)
    expect(await refused.text()).toContain('CADUCEUS_SECRET_KEYS')
    expect(await keptOf(url)).toBe('')
    const line = 'xmidt_caduceus_registrations_total{outcome="secret-unsealed"}'
    expect(await metricOf(caduceus, line)).toBe(1)
    expect((await postHook(caduceus, { config: { url } })).status).toBe(200)
  })

  it('kept open by a version before is used, and sealed with the next renewal', async () => {
    await using receiver = await startReceiver()
    const config = { url: receiver.url, secret: SECRET }
    {
      await using before = await bench.startCaduceus()
      expect((await postHook(before, { config: { url: receiver.url } })).status).toBe(200)
    }
    // As it would lie there: the same record with the secret in it.
    const record = JSON.parse(await keptOf(receiver.url)) as { hook: { config: object } }
    Object.assign(record.hook.config, config)
    await (await openBucket()).put(ownedIdOf(receiver.url), JSON.stringify(record))
    await using caduceus = await bench.startCaduceus()
    const { id } = await bench.publish()
    const { headers } = await receiver.next((each) => each.headers['webhook-id'] === id)
    expect(headers['x-webpa-signature']).toMatch(/^sha1=/)
    expect((await postHook(caduceus, { config })).status).toBe(200)
    expect(await keptOf(receiver.url)).not.toContain(SECRET)
    const removed = await fetch(`${caduceus.url}/hook/${ownedIdOf(receiver.url)}`, {
      method: 'DELETE',
      headers: { authorization: OWNER },
    })
    expect(removed.status).toBe(204)
    expect(await keptOf(receiver.url)).not.toContain('sealed_secret')
  })

  it('is opened by nobody with another key, for another URL, or changed', () => {
    const { CADUCEUS_SECRET_KEYS: keys } = loadConfig(caduceusEnv, {
      CADUCEUS_SECRET_KEYS: SECRET_KEYS,
    })
    const sealed = sealSecret(keys, SECRET, 'http://a/')
    expect(openSecret(keys, sealed, 'http://a/')).toBe(SECRET)
    expect(() => openSecret(keys, sealed, 'http://b/')).toThrow('was changed')
    expect(() => openSecret([], sealed, 'http://a/')).toThrow('not here: test')
    const bytes = Buffer.from(sealed.data, 'base64')
    for (const index of [0, 12, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 1
      const forged = { ...sealed, data: changed.toString('base64') }
      expect(() => openSecret(keys, forged, 'http://a/')).toThrow('was changed')
    }
    expect(() => openSecret(keys, { ...sealed, data: '' }, 'http://a/')).toThrow('was changed')
  })

  it.each(['short:AAAA', 'AAAA', `${keyNamed('a', 1)},${keyNamed('a', 2)}`, keyNamed('b c', 1)])(
    'needs keys that are some: %s is refused at the start and not shown',
    (CADUCEUS_SECRET_KEYS) => {
      const reading = () => loadConfig(caduceusEnv, { CADUCEUS_SECRET_KEYS })
      expect(reading).toThrow(/CADUCEUS_SECRET_KEYS must be[^A]*openssl rand/)
    },
  )
})
