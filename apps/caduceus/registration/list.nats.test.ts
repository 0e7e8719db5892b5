import { expect, it } from 'vitest'
import { OWNER, postHook, startCaduceusBench, STRANGER } from '#tests/support/caduceus.ts'

const config = { url: 'http://127.0.0.1:9/events' }

it('a webhook is listed for its owner and for administrators only, and without the queries of its URLs', async () => {
  await using bench = await startCaduceusBench()
  await using caduceus = await bench.startCaduceus({
    CADUCEUS_BASIC_CREDENTIALS: 'owner:secret,stranger:secret,operator:secret',
    CADUCEUS_ADMINISTRATORS: 'basic:operator',
  })
  const list = async (authorization: string): Promise<unknown[]> => {
    const response = await fetch(`${caduceus.url}/hooks`, { headers: { authorization } })
    return (await response.json()) as unknown[]
  }
  const secret = 'token=known-to-nobody'
  const url = `${config.url}?${secret}`
  await postHook(caduceus, { config: { url, alt_urls: [`${url}#2`] }, failure_url: url })
  const operator = `Basic ${Buffer.from('operator:secret').toString('base64')}`
  expect(await list(STRANGER)).toEqual([])
  for (const caller of [OWNER, operator]) {
    const [listed] = await list(caller)
    expect(listed).toMatchObject({
      config: { url: config.url, alt_urls: [config.url] },
      failure_url: config.url,
    })
    expect(JSON.stringify(listed)).not.toContain(secret)
  }
})
