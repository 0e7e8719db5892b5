import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt } from 'jose'
import { Agent, fetch } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCredential } from '#apps/parodus/cloud/credential.ts'
import { openThemisConnections } from '#apps/parodus/cloud/themis-connections.ts'
import { parodusEnv } from '#apps/parodus/config.ts'
import { readIdentity } from '#apps/parodus/identity.ts'
import { createApi } from '#apps/themis/api.ts'
import { start } from '#apps/themis/app.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { openKey } from '#apps/themis/key.ts'
import { createMetrics } from '#apps/themis/metrics.ts'
import {
  makeAuthority,
  makeServerCertificate,
  type Pair,
} from '#apps/xmidt/secrets/certificates.ts'
import { loadConfig } from '#libs/config/load.ts'
import { serve } from '#libs/http/server.ts'
import { readServerTls } from '#libs/http/tls.ts'
import { createLogger } from '#libs/log/logger.ts'
import { makeDeviceCertificate } from '#tests/support/device-certificate.ts'

const DEVICE = 'mac:112233445566'

let directory: string
let makers: Pair
let authority: Pair
const file = (name: string, text: string): string => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'certificates-'))
  authority = await makeAuthority('the deployment')
  makers = await makeAuthority('the maker of the devices')
  const server = await makeServerCertificate(authority, ['127.0.0.1'])
  file('server.pem', server.certificate)
  file('server-key.pem', server.key)
  file('makers.pem', makers.certificate)
  file('authority.pem', authority.certificate)
})
afterAll(() => rmSync(directory, { recursive: true }))

const configOf = (more: Record<string, string> = {}) =>
  loadConfig(themisEnv, {
    LOG_LEVEL: 'silent',
    THEMIS_PORT: '0',
    THEMIS_OPERATIONS_PORT: '0',
    THEMIS_KEY_FILE: join(directory, 'key.pem'),
    THEMIS_TLS_CERTIFICATE_FILE: join(directory, 'server.pem'),
    THEMIS_TLS_KEY_FILE: join(directory, 'server-key.pem'),
    THEMIS_TLS_CLIENT_CA_FILE: join(directory, 'makers.pem'),
    ...more,
  })

const startThemis = (more: Record<string, string> = {}) => start(configOf(more))

/** Asks for a token as a device with this certificate does, or with none. */
async function ask(
  url: string,
  shown: Pair | undefined,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const dispatcher = new Agent({
    connect: {
      ca: authority.certificate,
      ...(shown ? { cert: shown.certificate, key: shown.key } : {}),
    },
  })
  try {
    const response = await fetch(`${url}/issue`, {
      dispatcher,
      headers: { 'X-Midt-Mac-Address': DEVICE, ...headers },
    })
    return { status: response.status, body: await response.text() }
  } finally {
    await dispatcher.close()
  }
}

describe('a device that shows a certificate', () => {
  it('gets a token for the device and the partner in it, with full trust', async () => {
    await using themis = await startThemis()
    const shown = await makeDeviceCertificate(makers, `CN=${DEVICE},O=comcast`)
    const { status, body } = await ask(themis.url, shown)
    expect({ status, claims: decodeJwt(body) }).toMatchObject({
      status: 200,
      claims: { sub: DEVICE, 'partner-id': 'comcast', trust: 1_000 },
    })
  })

  it('gets none for another device or another partner', async () => {
    await using themis = await startThemis()
    const shown = await makeDeviceCertificate(makers, `CN=${DEVICE},O=comcast`)
    const other = await ask(themis.url, shown, { 'X-Midt-Mac-Address': 'mac:665544332211' })
    expect(other.status).toBe(403)
    expect((await ask(themis.url, shown, { 'X-Midt-Partner-ID': 'sky' })).status).toBe(403)
  })

  it('belongs to the default partner when its certificate names none, and to no other', async () => {
    await using themis = await startThemis({ THEMIS_PARTNER_DEFAULT: 'nobody' })
    const shown = await makeDeviceCertificate(makers, `CN=${DEVICE}`)
    expect(decodeJwt((await ask(themis.url, shown)).body)['partner-id']).toBe('nobody')
    expect((await ask(themis.url, shown, { 'X-Midt-Partner-ID': 'comcast' })).status).toBe(403)
  })

  it.each([
    ['is of another authority', () => makeDeviceCertificate(authority, `CN=${DEVICE}`)],
    [
      'has expired',
      () => makeDeviceCertificate(makers, `CN=${DEVICE}`, new Date(Date.now() - 60_000)),
    ],
    ['is for no device', () => makeDeviceCertificate(makers, 'CN=toaster')],
    ['has two names', () => makeDeviceCertificate(makers, `CN=${DEVICE},CN=mac:000000000001`)],
    ['has no name', () => makeDeviceCertificate(makers, 'O=comcast')],
    ['has a pattern for a partner', () => makeDeviceCertificate(makers, `CN=${DEVICE},O=com*`)],
  ])('is refused when it %s', async (_, make) => {
    await using themis = await startThemis()
    const { status, body } = await ask(themis.url, await make())
    expect(status).toBe(401)
    expect(body).toContain('certificate')
  })

  it('without a certificate needs a password, and with a wrong one gets no further by it', async () => {
    await using themis = await startThemis({ THEMIS_DEVICE_CREDENTIALS: 'device:secret' })
    const basic = (text: string) => ({
      authorization: `Basic ${Buffer.from(text).toString('base64')}`,
    })
    expect((await ask(themis.url, undefined)).status).toBe(401)
    expect((await ask(themis.url, undefined, basic('device:wrong'))).status).toBe(401)
    expect((await ask(themis.url, undefined, basic('device:secret'))).status).toBe(200)
  })

  it('may have a certificate for many, where a grant says for which', async () => {
    const grant = { devices: ['mac:1122*'], partners: ['sky'], trust: 500 }
    await using themis = await startThemis({
      THEMIS_CERTIFICATE_GRANTS: JSON.stringify({ 'model-*': grant }),
    })
    const shown = await makeDeviceCertificate(makers, 'CN=model-7')
    expect(decodeJwt((await ask(themis.url, shown)).body)).toMatchObject({
      sub: DEVICE,
      'partner-id': 'sky',
      trust: 500,
    })
    const other = await ask(themis.url, shown, { 'X-Midt-Mac-Address': 'mac:665544332211' })
    expect(other.status).toBe(403)
  })

  it('and is gone before it is looked at is no error of Themis', async () => {
    const config = configOf()
    const metrics = createMetrics()
    const key = openKey(config.THEMIS_KEY_FILE)
    const log = createLogger('themis', { level: 'silent' })
    const api = createApi({ config, key, tracer: undefined, metrics, log })
    const { promise: answered, resolve: onAnswered } = Promise.withResolvers<number>()
    await using server = await serve({
      async fetch(request, bindings) {
        bindings.incoming.socket.destroy()
        const response = await api.fetch(request, bindings)
        onAnswered(response.status)
        return response
      },
      hostname: '127.0.0.1',
      port: 0,
      tls: readServerTls({
        certificate: config.THEMIS_TLS_CERTIFICATE_FILE,
        key: config.THEMIS_TLS_KEY_FILE,
        clientAuthority: config.THEMIS_TLS_CLIENT_CA_FILE,
      }),
    })
    const shown = await makeDeviceCertificate(makers, `CN=${DEVICE},O=comcast`)
    await expect(ask(server.url, shown)).rejects.toThrow('fetch failed')
    expect(await answered).toBe(401)
  })

  it('is our Parodus too', async () => {
    await using themis = await startThemis()
    const shown = await makeDeviceCertificate(makers, `CN=${DEVICE},O=comcast`)
    const config = loadConfig(parodusEnv, {
      PARODUS_DEVICE_ID: DEVICE,
      PARODUS_PARTNER_ID: 'comcast',
      PARODUS_PETASOS_URL: 'http://127.0.0.1:1',
      PARODUS_THEMIS_CA_FILE: join(directory, 'authority.pem'),
      PARODUS_CERTIFICATE_FILE: file('device.pem', shown.certificate),
      PARODUS_KEY_FILE: file('device-key.pem', shown.key),
    })
    const connections = openThemisConnections({
      authority: config.PARODUS_THEMIS_CA_FILE,
      certificate: config.PARODUS_CERTIFICATE_FILE,
      key: config.PARODUS_KEY_FILE,
    })
    const credential = createCredential({
      themisUrl: `${themis.url}/issue`,
      identity: readIdentity(config),
      connections,
      log: createLogger('parodus', { level: 'silent' }),
    })
    const token = await credential.obtain(AbortSignal.timeout(5_000))
    expect(decodeJwt(token ?? '').sub).toBe(DEVICE)
    await connections?.destroy()
  })

  it.each([
    [{ THEMIS_TLS_KEY_FILE: '' }, 'THEMIS_TLS_KEY_FILE'],
    [{ THEMIS_TLS_CERTIFICATE_FILE: '', THEMIS_TLS_KEY_FILE: '' }, 'THEMIS_TLS_CLIENT_CA_FILE'],
    [{ THEMIS_TLS_KEY_FILE: '/nowhere/key.pem' }, '/nowhere/key.pem cannot be read'],
  ])('finds no half-configured Themis: %j is refused at the start', async (more, said) => {
    await expect((async () => await startThemis(more))()).rejects.toThrow(said)
  })
})
