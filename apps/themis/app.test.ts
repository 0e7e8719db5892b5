import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { deviceIdOfClaims, partnerIdsOfClaims } from '#libs/auth/claims.ts'
import { createVerifier } from '#libs/auth/verify.ts'
import { loadConfig } from '#libs/config/load.ts'
import type { Logger } from '#libs/log/logger.ts'
import { keepLogLines } from '#tests/support/log-lines.ts'
import { start } from './app.ts'
import { themisEnv } from './config.ts'

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })
/** What every door asks of a token by default. */
const RULES = { issuers: ['themis'], audiences: ['XMiDT'], ageMaxMs: 24 * 3_600_000 }
let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'themis-'))))
afterEach(() => rmSync(directory, { recursive: true }))

const startThemis = (more: Record<string, string> = {}, log?: Logger) =>
  start(
    loadConfig(themisEnv, {
      LOG_LEVEL: 'silent',
      THEMIS_PORT: '0',
      THEMIS_OPERATIONS_PORT: '0',
      THEMIS_KEY_FILE: join(directory, 'keys', 'key.pem'),
      THEMIS_DEVICE_CREDENTIALS: 'device:d',
      THEMIS_CALLER_CREDENTIALS: 'me:m',
      ...more,
    }),
    log,
  )

describe('Themis', () => {
  it('gives a device a token that its published keys verify', async () => {
    await using themis = await startThemis()
    const response = await fetch(`${themis.url}/issue`, {
      headers: {
        ...basic('device:d'),
        'X-Midt-Mac-Address': '11:22:33:44:55:66',
        'X-Midt-Partner-ID': '*, p',
      },
    })
    expect(response.headers.get('content-type')).toBe('application/jose')
    const verifier = createVerifier({
      jwksUrl: `${themis.url}/.well-known/jwks.json`,
      rules: RULES,
    })
    const claims = await verifier.verify(await response.text())
    expect(deviceIdOfClaims(claims)).toBe('mac:112233445566')
    expect(partnerIdsOfClaims(claims)).toEqual(['p'])
  })

  it.each([
    [{ 'X-Xmidt-Mac-Address': '112233445566', 'X-Xmidt-Partner-ID': 'p' }, ''],
    [{}, '?mac=11:22:33:44:55:66&pid=p'],
    [{ 'X-Midt-Mac-Address': 'MAC:11-22-33-44-55-66', 'X-Midt-Partner-ID': 'p' }, '?mac=nonsense'],
  ] as [Record<string, string>, string][])(
    'takes the claims from headers %j and parameters "%s"',
    async (headers, parameters) => {
      await using themis = await startThemis()
      const response = await fetch(`${themis.url}/issue${parameters}`, {
        headers: { ...basic('device:d'), ...headers },
      })
      expect(decodeJwt(await response.text())).toMatchObject({
        sub: 'mac:112233445566',
        'device-id': 'mac:112233445566',
        'partner-id': 'p',
        trust: 0,
        iss: 'themis',
        aud: 'XMiDT',
        jti: expect.any(String),
      })
    },
  )

  it('with an open door gives anybody a token for a device, and nobody one for a caller', async () => {
    await using themis = await startThemis({ THEMIS_OPEN: 'true', THEMIS_DEVICE_CREDENTIALS: '' })
    const token = await (await fetch(`${themis.url}/issue?serial=A1`)).text()
    expect(decodeJwt(token)).toMatchObject({ sub: 'serial:A1', 'partner-id': 'unknown' })
    expect(decodeJwt(token)).not.toHaveProperty('capabilities')
  })

  it('counts what it gives and what it refuses', async () => {
    await using themis = await startThemis()
    await fetch(`${themis.url}/issue?mac=112233445566`, { headers: basic('device:d') })
    await fetch(`${themis.url}/issue`)
    const page = await (await fetch(`${themis.operationsUrl}/metrics`)).text()
    expect(page).toContain('xmidt_themis_tokens_issued_total{kind="device"} 1')
    expect(page).toContain('xmidt_themis_requests_refused_total{reason="credential"} 1')
  })

  it('does not start with a key file that holds no key of its kind', async () => {
    const file = join(directory, 'rsa.pem')
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    for (const content of ['nonsense', privateKey.export({ format: 'pem', type: 'pkcs8' })]) {
      writeFileSync(file, content)
      await expect(startThemis({ THEMIS_KEY_FILE: file })).rejects.toMatchObject({
        code: 'KEY_INVALID',
      })
    }
  })

  it('gives a caller a token for every partner', async () => {
    await using themis = await startThemis()
    const token = await (await fetch(`${themis.url}/issue`, { headers: basic('me:m') })).text()
    const claims = await createVerifier({ jwksUrl: `${themis.url}/keys`, rules: RULES }).verify(
      token,
    )
    expect(claims).toMatchObject({
      sub: 'me',
      capabilities: ['x1:webpa:api:.*:all', 'x1:webpa:notify:.*:all'],
    })
    expect(partnerIdsOfClaims(claims)).toEqual(['*'])
  })

  it.each([
    ['without a credential', {}, 401],
    ['with a wrong one', basic('device:x'), 401],
    ['that names no device', basic('device:d'), 400],
    ['with a mac that is none', { ...basic('device:d'), 'X-Midt-Mac-Address': 'nonsense' }, 400],
    [
      'for every partner',
      { ...basic('device:d'), 'X-Midt-Mac-Address': '112233445566', 'X-Midt-Partner-ID': '*' },
      400,
    ],
  ])('refuses a request %s and says why', async (_, headers, status) => {
    await using themis = await startThemis()
    const response = await fetch(`${themis.url}/issue`, { headers })
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(/^\{"code": \d+, "message": ".+"\}$/)
  })

  it('keeps its key over a restart, for its owner only', async () => {
    const kids: string[] = []
    for (let round = 0; round < 2; round += 1) {
      await using themis = await startThemis()
      const { keys } = (await (await fetch(`${themis.url}/keys`)).json()) as {
        keys: { kid: string }[]
      }
      kids.push(keys[0]?.kid ?? '')
    }
    expect(kids[0]).toBe(kids[1])
    expect(readdirSync(join(directory, 'keys'))).toEqual(['key.pem'])
    expect(statSync(join(directory, 'keys', 'key.pem')).mode & 0o777).toBe(0o600)
  })

  it('publishes each key alone, as PEM or JWK, with its length', async () => {
    await using themis = await startThemis()
    const { keys } = (await (await fetch(`${themis.url}/keys`)).json()) as {
      keys: { kid: string }[]
    }
    const url = `${themis.url}/keys/${keys[0]?.kid}`
    const pem = await fetch(url)
    expect(await pem.text()).toContain('BEGIN PUBLIC KEY')
    expect(pem.headers.get('content-length')).not.toBeNull()
    expect(await (await fetch(`${url}/key.json`)).json()).toEqual(keys[0])
    expect((await fetch(`${themis.url}/keys/other`)).status).toBe(404)
  })

  it('tells health and metrics on loopback only, wherever it listens itself', async () => {
    await using themis = await startThemis({ THEMIS_HOST: '127.0.0.2' })
    const port = new URL(themis.operationsUrl ?? '').port
    expect((await fetch(`${themis.url}/keys`)).status).toBe(200)
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200)
    await expect(fetch(`http://127.0.0.2:${port}/livez`)).rejects.toThrow()
  })

  it('does not start when no device could get a token', async () => {
    await expect(startThemis({ THEMIS_DEVICE_CREDENTIALS: '' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })
})

describe('a credential that is bound', () => {
  const THEMIS_DEVICE_GRANTS = JSON.stringify({
    device: { devices: ['MAC:11:22:33:*', 'serial:A1'], partners: ['sky', 'sky-*'], trust: 700 },
  })
  const ask = async (
    headers: Record<string, string>,
    more: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> => {
    await using themis = await startThemis({ THEMIS_DEVICE_GRANTS, ...more })
    const response = await fetch(`${themis.url}/issue`, {
      headers: { ...basic('device:d'), ...headers },
    })
    return { status: response.status, text: await response.text() }
  }
  const MAC = '11:22:33:44:55:66'

  it('gets tokens for its devices and partners, with its own trust', async () => {
    const { text } = await ask({ 'X-Midt-Mac-Address': MAC, 'X-Midt-Partner-ID': 'sky-uk' })
    expect(decodeJwt(text)).toMatchObject({
      'device-id': 'mac:112233445566',
      'partner-id': 'sky-uk',
      trust: 700,
    })
    const serial = await ask({ 'X-Midt-Serial-Number': 'A1' })
    expect(decodeJwt(serial.text)).toMatchObject({ 'device-id': 'serial:A1', 'partner-id': 'sky' })
  })

  it.each([
    ['another device', { 'X-Midt-Mac-Address': 'aa:bb:cc:44:55:66' }],
    ['another serial number', { 'X-Midt-Serial-Number': 'A12' }],
    ['another partner', { 'X-Midt-Mac-Address': MAC, 'X-Midt-Partner-ID': 'comcast' }],
    ['a partner that begins alike', { 'X-Midt-Mac-Address': MAC, 'X-Midt-Partner-ID': 'skyx' }],
    // The first that is named is the device's id; the other must not stand for it.
    [
      'another device beside its own',
      { 'X-Midt-Mac-Address': 'aabbcc445566', 'X-Midt-Serial-Number': 'A1' },
    ],
  ])('gets none for %s', async (_, headers) => {
    expect(await ask(headers as Record<string, string>)).toMatchObject({ status: 403 })
  })

  it.each([
    ['for a user that there is not', { other: { devices: ['*'], partners: ['*'] } }],
    ['without devices', { device: { devices: [], partners: ['*'] } }],
    ['for a device without a scheme', { device: { devices: ['1122*'], partners: ['*'] } }],
    [
      'with a word that it does not know',
      { device: { devices: ['*'], partners: ['*'], Trust: 1 } },
    ],
    [
      'with more trust than there is',
      { device: { devices: ['*'], partners: ['*'], trust: 1_001 } },
    ],
  ])('is refused at the start with a grant %s', (_, grants) => {
    expect(() =>
      loadConfig(themisEnv, {
        THEMIS_DEVICE_CREDENTIALS: 'device:d',
        THEMIS_DEVICE_GRANTS: JSON.stringify(grants),
      }),
    ).toThrow('THEMIS_DEVICE_GRANTS')
    expect(() => loadConfig(themisEnv, { THEMIS_DEVICE_GRANTS: '{' })).toThrow('must be JSON')
  })

  it('is not told of at the start, as one for every device is', async () => {
    const told = async (more: Record<string, string>) => {
      const { lines, loggerOf } = keepLogLines()
      await using _themis = await startThemis(more, loggerOf('themis'))
      return lines.filter(({ level }) => level === 'warn').map(({ user }) => user)
    }
    expect(await told({ THEMIS_DEVICE_GRANTS })).toEqual([])
    expect(await told({})).toEqual(['device'])
    const all = { device: { devices: ['mac:*'], partners: ['sky'] } }
    expect(await told({ THEMIS_DEVICE_GRANTS: JSON.stringify(all) })).toEqual(['device'])
  })

  it('and one without a credential has no trust, whatever is set for the others', async () => {
    await using themis = await startThemis({ THEMIS_OPEN: 'true', THEMIS_TRUST: '900' })
    const trustOf = async (headers: Record<string, string>) =>
      decodeJwt(await (await fetch(`${themis.url}/issue?mac=112233445566`, { headers })).text())
        .trust
    expect(await trustOf({})).toBe(0)
    expect(await trustOf(basic('device:d'))).toBe(900)
  })
})
