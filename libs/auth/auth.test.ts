import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serve, type HttpServer } from '#libs/http/server.ts'
import { eventually } from '#tests/support/eventually.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'
import { createBasic } from './basic.ts'
import { createCallerAuthentication } from './caller.ts'
import { deviceIdOfClaims, partnerIdsOfClaims } from './claims.ts'
import type { TokenRules } from './token-rules.ts'
import { createVerifier as createVerifierOf, type VerifierOptions } from './verify.ts'

const RULES: TokenRules = { issuers: ['themis'], audiences: ['XMiDT'], ageMaxMs: 3_600_000 }

const createVerifier = (options: Omit<VerifierOptions, 'rules'>, rules: Partial<TokenRules> = {}) =>
  createVerifierOf({ ...options, rules: { ...RULES, ...rules } })

const keys = await generateKeyPair('ES256')
const others = await generateKeyPair('ES256')
let server: HttpServer
let jwksUrl: string

beforeAll(async () => {
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
  server = await serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: () => Response.json({ keys: [jwk] }),
  })
  jwksUrl = `${server.url}/keys`
})
afterAll(() => server[Symbol.asyncDispose]())

const sign = (claims: Record<string, unknown>, expires = '1h', key = keys.privateKey) =>
  new SignJWT({ sub: 'me', ...TOKEN_CLAIMS, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key)

describe('a token', () => {
  it('that the issuer signed is accepted with its claims', async () => {
    const claims = await createVerifier({ jwksUrl }).verify(await sign({ sub: 'me' }))
    expect(claims.sub).toBe('me')
  })

  it.each([
    ['signed by another key', () => sign({ sub: 'me' }, '1h', others.privateKey), 'KEY_UNKNOWN'],
    ['that has expired', () => sign({ sub: 'me' }, '-1h'), 'TOKEN_EXPIRED'],
    [
      'that has expired and whose key is no longer known',
      () => sign({ sub: 'me' }, '-1h', others.privateKey),
      'TOKEN_EXPIRED',
    ],
    ['that is garbage', async () => 'garbage', 'TOKEN_INVALID'],
    ['that is empty', async () => '', 'TOKEN_INVALID'],
    ['without a signature', async () => 'eyJhbGciOiJub25lIn0.e30.', 'TOKEN_INVALID'],
    ['as long as a book', async () => 'a'.repeat(100_000), 'TOKEN_INVALID'],
  ])('%s is refused', async (_, make, code) => {
    await expect(createVerifier({ jwksUrl }).verify(await make())).rejects.toMatchObject({ code })
  })

  const nowSeconds = Math.floor(Date.now() / 1_000)
  const raw = (claims: Record<string, unknown>) =>
    new SignJWT({ sub: 'me', ...TOKEN_CLAIMS, iat: nowSeconds, exp: nowSeconds + 60, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .sign(keys.privateKey)

  it.each([
    ['without an issuer', { iss: undefined }, 'CLAIM_REFUSED'],
    ['of another issuer', { iss: 'somebody' }, 'CLAIM_REFUSED'],
    ['without an audience', { aud: undefined }, 'CLAIM_REFUSED'],
    ['for another audience', { aud: ['a', 'b'] }, 'CLAIM_REFUSED'],
    ['without an end', { exp: undefined }, 'CLAIM_REFUSED'],
    ['whose end is no number', { exp: 'never' }, 'CLAIM_REFUSED'],
    ['without the time of its issue', { iat: undefined }, 'CLAIM_REFUSED'],
    ['issued in the future', { iat: nowSeconds + 3_600 }, 'CLAIM_REFUSED'],
    ['issued too long ago', { iat: nowSeconds - 3_700 }, 'TOKEN_EXPIRED'],
    ['not good yet', { nbf: nowSeconds + 3_600 }, 'CLAIM_REFUSED'],
    ['without a subject', { sub: undefined }, 'TOKEN_INVALID'],
    ['whose subject is a number', { sub: 7 }, 'TOKEN_INVALID'],
    ['whose subject is a list', { sub: ['operator'] }, 'TOKEN_INVALID'],
    ['whose subject is endless', { sub: 'x'.repeat(257) }, 'TOKEN_INVALID'],
  ] as [string, Record<string, unknown>, string][])(
    '%s is refused although its signature is good',
    async (_, claims, code) => {
      const token = await raw(claims)
      await expect(createVerifier({ jwksUrl }).verify(token)).rejects.toMatchObject({ code })
    },
  )

  it('may lack or differ in each of these where a setting says so', async () => {
    const open = { issuers: ['*'], audiences: ['*'], ageMaxMs: 0 }
    const verify = (rules: Partial<TokenRules>, token: string) =>
      createVerifier({ jwksUrl }, rules).verify(token)
    const bare = await raw({ iss: undefined, aud: 'other', iat: undefined, exp: undefined })
    expect(await verify(open, bare)).toMatchObject({ sub: 'me' })
    for (const [name, rule] of Object.entries(RULES)) {
      await expect(verify({ ...open, [name]: rule }, bare)).rejects.toMatchObject({
        code: 'CLAIM_REFUSED',
      })
    }
    await expect(verify(open, await raw({ exp: nowSeconds - 60 }))).rejects.toMatchObject({
      code: 'TOKEN_EXPIRED',
    })
  })

  it('cannot be judged while the keys are away', async () => {
    const verifier = createVerifier({ jwksUrl: 'http://127.0.0.1:1/keys' })
    await expect(verifier.verify(await sign({}))).rejects.toMatchObject({
      code: 'KEYS_UNAVAILABLE',
    })
  })
})

describe('keys', () => {
  const startKeys = async () => {
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }
    const published = { keys: [jwk], requestCount: 0 }
    const publisher = await serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch() {
        published.requestCount += 1
        return Response.json({ keys: published.keys })
      },
    })
    return { published, publisher, jwksUrl: publisher.url }
  }

  it('are asked for once, however many tokens come', async () => {
    const { published, publisher, ...where } = await startKeys()
    await using _publisher = publisher
    const verifier = createVerifier(where)
    const token = await sign({})
    await Promise.all(Array.from({ length: 50 }, () => verifier.verify(token)))
    expect(published.requestCount).toBe(1)
  })

  it('are asked for once for many tokens of an unknown key', async () => {
    const { published, publisher, ...where } = await startKeys()
    await using _publisher = publisher
    const verifier = createVerifier(where)
    await verifier.verify(await sign({}))
    const unknown = await new SignJWT(TOKEN_CLAIMS)
      .setProtectedHeader({ alg: 'ES256', kid: 'two' })
      .sign(keys.privateKey)
    for (let count = 0; count < 20; count += 1) {
      await expect(verifier.verify(unknown)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
    }
    expect(published.requestCount).toBeLessThanOrEqual(2)
  })

  it('go on counting while who publishes them is away, but not for ever', async () => {
    const { publisher, ...where } = await startKeys()
    const patient = createVerifier({ ...where, keysMaxAgeMs: 0 })
    const strict = createVerifier({ ...where, keysMaxAgeMs: 0, keysStaleMs: 0 })
    const token = await sign({})
    await Promise.all([patient.verify(token), strict.verify(token)])
    await publisher[Symbol.asyncDispose]()
    for (let count = 0; count < 3; count += 1) await patient.verify(token)
    await expect(strict.verify(token)).rejects.toMatchObject({ code: 'KEYS_UNAVAILABLE' })
  })

  it('stop counting when they were withdrawn', async () => {
    const { published, publisher, ...where } = await startKeys()
    await using _publisher = publisher
    const verifier = createVerifier({ ...where, keysMaxAgeMs: 0 })
    const token = await sign({})
    await verifier.verify(token)
    published.keys = []
    await eventually(() =>
      expect(verifier.verify(token)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' }),
    )
  })
})

describe('claims', () => {
  it.each([
    [{ 'device-id': 'MAC:11:22:33:44:55:66' }, 'mac:112233445566'],
    [{ mac: '11:22:33:44:55:66' }, 'mac:112233445566'],
    [{ mac: 'mac:112233445566' }, 'mac:112233445566'],
    [{ mac: 7 }, undefined],
    [{ mac: 'nonsense' }, undefined],
    [{}, undefined],
  ])('%j name the device %s', (claims, device) => {
    expect(deviceIdOfClaims({ sub: 'me', ...claims })).toBe(device)
  })

  it.each([
    [{ allowedResources: { allowedPartners: ['a', 'b'] }, 'partner-id': 'c' }, ['a', 'b']],
    [{ 'partner-id': 'c' }, ['c']],
    [{ allowedResources: { allowedPartners: 'a' } }, []],
    [{ allowedResources: null }, []],
  ])('%j name the partners %j', (claims, partners) => {
    expect(partnerIdsOfClaims({ sub: 'me', ...claims })).toEqual(partners)
  })
})

describe('a caller', () => {
  const basicHeader = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  const authenticate = (authorization?: string, isOpen = false) =>
    createCallerAuthentication({
      basic: createBasic(['me:secret', ':nobody']),
      verifier: createVerifier({ jwksUrl }),
      isOpen,
    })(new Headers(authorization === undefined ? {} : { authorization }))

  it('comes in by Basic', async () => {
    expect(await authenticate(basicHeader('me:secret'))).toMatchObject({
      kind: 'basic',
      principal: 'me',
    })
  })

  it('comes in by a token with a subject', async () => {
    const token = await sign({ sub: 'me', capabilities: ['a'], 'partner-id': 'p' })
    expect(await authenticate(`Bearer ${token}`)).toEqual({
      kind: 'jwt',
      principal: 'me',
      partners: ['p'],
      capabilities: ['a'],
    })
  })

  it.each([
    [undefined],
    [''],
    ['Bearer'],
    ['Bearer  '],
    ['Digest abc'],
    [basicHeader('me:wrong')],
    [basicHeader(':nobody')],
    ['Basic !!!'],
    ['Bearer a.b.c'],
  ])('with %s is refused', async (authorization) => {
    expect(await authenticate(authorization)).toMatchObject({ kind: 'refused', status: 401 })
  })

  it('without a subject in the token is refused', async () => {
    expect(await authenticate(`Bearer ${await sign({ sub: '' })}`)).toMatchObject({
      kind: 'refused',
    })
  })

  it('comes in without a credential only by an open door', async () => {
    expect(await authenticate(undefined, true)).toMatchObject({ kind: 'open' })
  })
})
