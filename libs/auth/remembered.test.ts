import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { serve } from '#libs/http/server.ts'
import { createRegistry } from '#libs/metrics/registry.ts'
import { eventually } from '#tests/support/eventually.ts'
import { TOKEN_CLAIMS } from '#tests/support/token-claims.ts'
import { createCallerAuthentication } from './caller.ts'
import { createRemembered, createRememberedCounter, idOfToken } from './remembered.ts'
import { createVerifier, type VerifierOptions } from './verify.ts'

const RULES = { issuers: ['themis'], audiences: ['XMiDT'], ageMaxMs: 3_600_000 }
const START_SECONDS = Math.floor(Date.now() / 1_000)

const keyPairOf = async (kid: string) => {
  const pair = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(pair.publicKey)), kid, alg: 'ES256', use: 'sig' }
  const sign = (claims: Record<string, unknown> = {}) =>
    new SignJWT({ sub: 'me', ...TOKEN_CLAIMS, jti: randomUUID(), ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuedAt(START_SECONDS)
      .setExpirationTime(START_SECONDS + 600)
      .sign(pair.privateKey)
  return { jwk, sign }
}
const one = await keyPairOf('one')
const two = await keyPairOf('two')

/** A verifier on a clock that the test moves, and who publishes its keys. */
async function start(options: Partial<VerifierOptions> = {}) {
  const published: { keys: JWK[]; readCount: number } = { keys: [one.jwk, two.jwk], readCount: 0 }
  const publisher = await serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch() {
      published.readCount += 1
      return Response.json({ keys: published.keys })
    },
  })
  const registry = createRegistry('test')
  const clock = { nowMs: START_SECONDS * 1_000 }
  const verifier = createVerifier({
    jwksUrl: publisher.url,
    rules: RULES,
    leewaySeconds: 0,
    counter: createRememberedCounter(registry),
    now: () => clock.nowMs,
    ...options,
  })
  await verifier.readKeys()
  const counted = async (outcome: 'hit' | 'miss'): Promise<number> => {
    const [, value] =
      (await registry.page()).match(RegExp(`tokens_total\\{outcome="${outcome}"\\} (\\d+)`)) ?? []
    return Number(value)
  }
  /** Shows a token until it is known: one that comes while the keys are read is not kept. */
  const isRemembered = (token: string) =>
    eventually(async () => {
      const before = await counted('hit')
      await verifier.verify(token)
      expect(await counted('hit')).toBeGreaterThan(before)
    })
  return {
    verifier,
    published,
    isRemembered,
    clock,
    hits: () => counted('hit'),
    misses: () => counted('miss'),
    [Symbol.asyncDispose]: () => publisher[Symbol.asyncDispose](),
  }
}

/** `text` with one bit of its bytes changed. */
function flipBit(text: string, bit: number): string {
  const bytes = Buffer.from(text, 'base64url')
  const index = (bit >> 3) % bytes.length
  bytes[index] = (bytes[index] ?? 0) ^ (1 << (bit & 7))
  return bytes.toString('base64url')
}

describe('a token that was verified', () => {
  it('is not verified again when it comes again', async () => {
    await using app = await start()
    const token = await one.sign()
    const claims = await app.verifier.verify(token)
    for (let count = 0; count < 3; count += 1) {
      expect(await app.verifier.verify(token)).toBe(claims)
    }
    expect([await app.hits(), await app.misses()]).toEqual([3, 1])
  })

  it('is refused from the second of its end on', async () => {
    await using app = await start()
    const token = await one.sign()
    await app.verifier.verify(token)
    app.clock.nowMs = (START_SECONDS + 300) * 1_000 - 1
    await app.verifier.verify(token)
    expect(await app.hits()).toBe(1)
    app.clock.nowMs = (START_SECONDS + 300) * 1_000
    await app.verifier.verify(token)
    app.clock.nowMs = (START_SECONDS + 600) * 1_000 - 1
    await app.verifier.verify(token)
    expect([await app.hits(), await app.misses()]).toEqual([2, 2])
    app.clock.nowMs = (START_SECONDS + 600) * 1_000
    await expect(app.verifier.verify(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  it('is judged anew within the leeway after its end', async () => {
    await using app = await start({ leewaySeconds: 30, remembered: { ageMaxMs: 3_600_000 } })
    const token = await one.sign()
    await app.verifier.verify(token)
    app.clock.nowMs = (START_SECONDS + 629) * 1_000
    await app.verifier.verify(token)
    await app.verifier.verify(token)
    expect(await app.hits()).toBe(0)
    app.clock.nowMs = (START_SECONDS + 630) * 1_000
    await expect(app.verifier.verify(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  it('is refused once it was issued too long ago, whatever its end', async () => {
    await using app = await start({ rules: { ...RULES, ageMaxMs: 60_000 } })
    const token = await one.sign()
    await app.verifier.verify(token)
    app.clock.nowMs = (START_SECONDS + 59) * 1_000
    await app.verifier.verify(token)
    expect(await app.hits()).toBe(1)
    app.clock.nowMs = (START_SECONDS + 61) * 1_000
    await expect(app.verifier.verify(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  it('is judged anew by a clock that was set back', async () => {
    await using app = await start({ leewaySeconds: 5 })
    const token = await one.sign({ nbf: START_SECONDS })
    await app.verifier.verify(token)
    app.clock.nowMs = (START_SECONDS - 60) * 1_000
    await expect(app.verifier.verify(token)).rejects.toMatchObject({ code: 'CLAIM_REFUSED' })
  })

  it('is refused once its key is withdrawn, and one of a key that stays is not', async () => {
    await using app = await start({ keysMaxAgeMs: 200 })
    const [gone, stays] = [await one.sign(), await two.sign()]
    await app.isRemembered(gone)
    await app.isRemembered(stays)
    app.published.keys = [two.jwk]
    await eventually(() =>
      expect(app.verifier.verify(gone)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' }),
    )
    await app.isRemembered(stays)
  })

  it('is remembered when its keys were read again and are the same', async () => {
    await using app = await start({ keysMaxAgeMs: 200 })
    const token = await one.sign()
    await app.isRemembered(token)
    const claims = await app.verifier.verify(token)
    const readCount = app.published.readCount
    await eventually(async () => {
      expect(await app.verifier.verify(token)).toBe(claims)
      expect(app.published.readCount).toBeGreaterThan(readCount + 1)
    })
  })

  it('does not let in its sibling with one other bit', async () => {
    await using app = await start()
    const token = await one.sign()
    const [header = '', payload = '', signature = ''] = token.split('.')
    await app.verifier.verify(token)
    for (let bit = 0; bit < 512; bit += 7) {
      const forged = [header, payload, flipBit(signature, bit)].join('.')
      await expect(app.verifier.verify(forged)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' })
    }
    for (let bit = 0; bit < 2_000; bit += 101) {
      const forged = [header, flipBit(payload, bit), signature].join('.')
      await expect(app.verifier.verify(forged)).rejects.toMatchObject({ name: 'AuthError' })
    }
    await expect(app.verifier.verify(`${header}.${payload}.`)).rejects.toMatchObject({
      name: 'AuthError',
    })
    expect(await app.hits()).toBe(0)
    await app.verifier.verify(token)
    expect(await app.hits()).toBe(1)
  })

  it('is the same caller again, with its partners and capabilities', async () => {
    await using app = await start()
    const { verifier } = app
    const authenticate = createCallerAuthentication({ verifier, isOpen: false })
    const token = await one.sign({ capabilities: ['a'], 'partner-id': 'p' })
    const headers = new Headers({ authorization: `Bearer ${token}` })
    const caller = await authenticate(headers)
    expect(caller).toMatchObject({ principal: 'me', partners: ['p'], capabilities: ['a'] })
    expect(await authenticate(headers)).toBe(caller)
  })
})

describe('a token that was refused', () => {
  it('is judged anew, and accepted once its key is published', async () => {
    await using app = await start({ keysMaxAgeMs: 0 })
    app.published.keys = [two.jwk]
    const token = await one.sign()
    await eventually(() =>
      expect(app.verifier.verify(token)).rejects.toMatchObject({ code: 'KEY_UNKNOWN' }),
    )
    app.published.keys = [one.jwk, two.jwk]
    await eventually(() => app.verifier.verify(token))
  })

  it('takes no place of one that was accepted, however many come', async () => {
    await using app = await start({ remembered: { countMax: 1 } })
    const token = await one.sign()
    const [header = '', payload = '', signature = ''] = token.split('.')
    await app.verifier.verify(token)
    for (let count = 0; count < 500; count += 1) {
      const forged = [header, payload, flipBit(signature, count)].join('.')
      await app.verifier.verify(forged).catch(() => undefined)
    }
    await app.verifier.verify(token)
    expect(await app.hits()).toBe(1)
  })
})

describe('what is remembered', () => {
  const claims = { sub: 'me' }
  const nowMs = 1_000_000
  const keepMany = (limits: Parameters<typeof createRemembered>[0], length: number) => {
    const remembered = createRemembered(limits)
    remembered.find('', 0, nowMs)
    for (let index = 0; index < 20_000; index += 1) {
      remembered.keep(idOfToken(`${index}`), claims, { length, untilMs: Infinity, nowMs })
    }
    return remembered
  }

  it('has a bound in tokens, and the newest are in it', () => {
    const remembered = keepMany({ countMax: 10, bytesMax: Infinity }, 100)
    expect(remembered.size.count).toBe(10)
    expect(remembered.find(idOfToken('19999'), 0, nowMs)).toBe(claims)
    expect(remembered.find(idOfToken('19989'), 0, nowMs)).toBeUndefined()
  })

  it('has a bound in bytes', () => {
    const { size } = keepMany({ countMax: Infinity, bytesMax: 100_000 }, 1_000)
    expect(size.bytes).toBeLessThanOrEqual(100_000)
    expect(size.count).toBeGreaterThan(10)
  })

  it('has both bounds when nothing is said', () => {
    const { size } = keepMany({}, 12_000)
    expect(size.count).toBeLessThan(4_097)
    expect(size.bytes).toBeLessThan(9_000_000)
  })

  it('can be nothing', () => {
    expect(keepMany({ countMax: 0 }, 100).size).toEqual({ count: 0, bytes: 0 })
  })

  it('goes when the keys change, and its bytes with it', () => {
    const remembered = keepMany({}, 100)
    expect(remembered.find(idOfToken('19999'), 1, nowMs)).toBeUndefined()
    expect(remembered.size).toEqual({ count: 0, bytes: 0 })
  })

  it('makes room of those whose time is over', () => {
    const remembered = createRemembered({ ageMaxMs: 10 })
    remembered.find('', 0, nowMs)
    for (let index = 0; index < 100; index += 1) {
      const token = { length: 100, untilMs: Infinity, nowMs: nowMs + index }
      remembered.keep(idOfToken(`${index}`), claims, token)
    }
    expect(remembered.size.count).toBe(10)
  })
})
