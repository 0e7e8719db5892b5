import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  metricOf,
  postHook,
  startCaduceusBench,
  STRANGER,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { startDnsServer, type DnsServer } from '#tests/support/dns-server.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
let dns: DnsServer
beforeEach(async () => {
  bench = await startCaduceusBench()
  dns = await startDnsServer((name) => (name.endsWith('.test') ? ['127.0.0.1'] : undefined))
})
afterEach(async () => {
  await dns[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const named = (name: string, url: string): string => url.replace('127.0.0.1', name)

describe('eighteen names whose servers do not answer', () => {
  it('hold up nobody else’s deliveries', async () => {
    const environment = { CADUCEUS_DNS_SERVERS: dns.address }
    await using receiver = await startReceiver()
    const slow = (index: number): string => named(`slow-${index}.test`, receiver.url)
    {
      await using caduceus = await bench.startCaduceus(environment)
      const alt_urls = Array.from({ length: 16 }, (_, index) => slow(index))
      const hook = { config: { url: slow(16), alt_urls }, failure_url: slow(17) }
      const registered = await postHook(caduceus, hook, { authorization: STRANGER })
      expect(registered.status).toBe(200)
      const config = { url: named('fast.test', receiver.url) }
      expect((await postHook(caduceus, { config })).status).toBe(200)
    }
    dns.setAnswer((name) => (name.startsWith('slow-') ? 'silent' : ['127.0.0.1']))
    await using _ = await bench.startCaduceus(environment)
    const startedAtMs = performance.now()
    const ids = await Promise.all(
      Array.from({ length: 40 }, async () => (await bench.publish()).id),
    )
    await eventually(() =>
      expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(
        new Set(ids),
      ),
    )
    expect(performance.now() - startedAtMs).toBeLessThan(3_000)
    // No more of them are asked for at once than one owner may.
    const slowAsked = new Set(dns.asked.filter((name) => name.startsWith('slow-')).slice(18))
    expect(slowAsked.size).toBeLessThanOrEqual(8)
  })
})

describe('a name', () => {
  it('that changes its mind after the registration is not dialled', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus({ CADUCEUS_DNS_SERVERS: dns.address })
    const config = { url: named('rebinding.test', receiver.url) }
    expect((await postHook(caduceus, { config })).status).toBe(200)
    await bench.publish()
    await receiver.next()
    // What was found is used for a second at most, and a connection is closed when it is idle.
    dns.setAnswer(() => ['10.0.0.1'])
    receiver.closeConnections()
    const refused = 'xmidt_caduceus_attempts_total{outcome="address-refused"}'
    await eventually(async () => {
      await bench.publish()
      receiver.closeConnections()
      expect(await metricOf(caduceus, refused)).toBeGreaterThan(0)
    })
  })

  it('that is not there, or whose address may not be dialled, cannot be registered', async () => {
    await using caduceus = await bench.startCaduceus({ CADUCEUS_DNS_SERVERS: dns.address })
    const messageOf = async (url: string): Promise<unknown> =>
      (await postHook(caduceus, { config: { url } })).json()
    expect(await messageOf('http://nowhere.example/')).toMatchObject({
      message: expect.stringContaining('host does not exist'),
    })
    dns.setAnswer(() => ['169.254.169.254'])
    expect(await messageOf('http://metadata.test/')).toMatchObject({
      message: expect.stringContaining('IP is within a blocked subnet'),
    })
  })

  it('is asked for once, and found in the hosts file without being asked for', async () => {
    await using receiver = await startReceiver()
    await using caduceus = await bench.startCaduceus({ CADUCEUS_DNS_SERVERS: dns.address })
    for (const host of ['localhost', 'once.test']) {
      const config = { url: named(host, receiver.url) }
      expect((await postHook(caduceus, { config })).status).toBe(200)
    }
    await Promise.all(Array.from({ length: 10 }, () => bench.publish()))
    await eventually(() => expect(receiver.received).toHaveLength(20))
    expect(dns.asked).not.toContain('localhost')
    expect(dns.asked.filter((name) => name === 'once.test').length).toBeLessThan(10)
  })
})
