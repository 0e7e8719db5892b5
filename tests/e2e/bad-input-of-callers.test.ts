import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basicOf } from '#tests/support/caller.ts'
import { postRegistration, registrationOf } from '#tests/support/registration.ts'
import { CALLER_CREDENTIAL, startStack, type Stack } from '#tests/support/stack.ts'

let stack: Stack

beforeAll(async () => {
  stack = await startStack({ caduceus: true })
})

afterAll(() => stack[Symbol.asyncDispose]())

const authorization = basicOf(CALLER_CREDENTIAL)
const PUBLIC_URL = 'http://127.0.0.1:9/events'

/** The status and upstream's error body, which every refusal must have. */
async function refusalOf(response: Response): Promise<{ status: number; message: string }> {
  const body = (await response.json()) as { code: number; message: string }
  expect(body.code).toBe(response.status)
  expect(body.message).not.toBe('')
  return { status: response.status, message: body.message }
}

describe('Scytale', () => {
  const post = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${stack.scytale.url}/api/v3/device`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body,
    })

  it('says what is wrong with JSON that is none', async () => {
    const { status, message } = await refusalOf(await post('{"msg_type": 3,'))
    expect(status).toBe(400)
    expect(message).toContain('JSON')
  })

  it('says what is wrong with a destination that is no device', async () => {
    const message = { msg_type: 3, source: 'dns:x', dest: 'nobody', transaction_uuid: 't' }
    expect((await refusalOf(await post(JSON.stringify(message)))).status).toBe(400)
  })

  it('refuses a route that it has not', async () => {
    const response = await fetch(`${stack.scytale.url}/api/v3/nothing`)
    expect(await refusalOf(response)).toEqual({ status: 400, message: 'Invalid endpoint' })
  })

  it('refuses a request without a credential, and one with a wrong password', async () => {
    expect((await refusalOf(await post('{}', { authorization: '' }))).status).toBe(401)
    const wrong = { authorization: basicOf('operator:guess') }
    expect((await refusalOf(await post('{}', wrong))).status).toBe(401)
  })

  it("refuses a device's token: it is for connecting, not for commanding", async () => {
    const token = await stack.deviceToken('mac:112233445566')
    const refused = await refusalOf(await post('{}', { authorization: `Bearer ${token}` }))
    expect(refused.status).toBe(403)
  })

  it('refuses a body that is too large', async () => {
    expect((await refusalOf(await post('x'.repeat(2_000_000)))).status).toBe(413)
  })
})

describe('Caduceus', () => {
  const url = (): string => stack.caduceus!.url

  it('says what is wrong with JSON that is none', async () => {
    expect((await refusalOf(await postRegistration(url(), '{"config":'))).status).toBe(400)
  })

  it('refuses a route that it has not', async () => {
    const headers = { authorization }
    expect((await refusalOf(await fetch(`${url()}/nothing`, { headers }))).status).toBe(404)
  })

  it('refuses a registration without a credential, and one with a wrong password', async () => {
    const good = registrationOf(PUBLIC_URL)
    expect((await refusalOf(await postRegistration(url(), good, ''))).status).toBe(401)
    const wrong = basicOf('operator:guess')
    expect((await refusalOf(await postRegistration(url(), good, wrong))).status).toBe(401)
  })

  it.each([
    ['events', 'a regular expression that is none', { events: ['('] }],
    ['events', 'no event', { events: [] }],
    ['device_id', 'a device pattern that is none', { matcher: { device_id: ['['] } }],
    ['url', 'a URL that is none', { config: { url: 'nowhere' } }],
    ['url', 'a URL of another scheme', { config: { url: 'ftp://example.com/' } }],
    ['url', 'an address of the inside', { config: { url: 'http://10.1.2.3/' } }],
    ['duration', 'a duration that is none', { duration: 'a while' }],
    ['duration', 'a duration that is over', { duration: '-5m' }],
    ['duration', 'a duration that is too long', { duration: '10000h' }],
  ])('names the field %s of a registration with %s', async (field, _what, change) => {
    const response = await postRegistration(url(), { ...registrationOf(PUBLIC_URL), ...change })
    const { status, message } = await refusalOf(response)
    expect(status).toBe(400)
    expect(message).toContain(field)
  })

  it('refuses a body that is too large', async () => {
    const response = await postRegistration(url(), 'x'.repeat(2_000_000))
    expect((await refusalOf(response)).status).toBe(413)
  })

  it('still takes a good one after all that', async () => {
    expect((await postRegistration(url(), registrationOf(PUBLIC_URL))).status).toBe(200)
  })
})
