/** What one device's request throws ends that request only: here a line of the log cannot be written. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { connectNats } from '#libs/nats/connection/connect.ts'
import { openTalarias } from '#libs/nats/bucket/talarias.ts'
import { createBrokenLog } from '#tests/support/broken-log.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startTestNats, type TestNats } from '#tests/support/nats.ts'
import { start, type Petasos } from './app.ts'
import { petasosEnv } from './config.ts'

const broken = createBrokenLog('petasos')
let nats: TestNats
let petasos: Petasos

const ask = (name: string): Promise<Response> =>
  fetch(`${petasos.url}/api/v2/device`, {
    headers: { 'X-Webpa-Device-Name': name },
    redirect: 'manual',
  })

const faultsOf = async (kind: string): Promise<number> => {
  const page = await (await fetch(`${petasos.operationsUrl}/metrics`)).text()
  const [, value] = page.match(new RegExp(`faults_total\\{kind="${kind}"\\} (\\d+)`)) ?? []
  return Number(value)
}

beforeAll(async () => {
  nats = await startTestNats()
  const url = nats.urlOf('talaria')
  await using connection = await connectNats({ url, name: 'test', log: broken.log })
  const talarias = await openTalarias(connection, broken.log)
  await talarias.put('one', {
    url: 'http://127.0.0.1:6200',
    region: 'local',
    weight: 1,
    started: new Date().toISOString(),
    devices: 0,
    draining: false,
  })
  const environment = {
    NATS_URL: nats.urlOf('petasos'),
    PETASOS_PORT: '0',
    PETASOS_OPERATIONS_PORT: '0',
    PETASOS_LOG_REDIRECTS: 'true',
  }
  petasos = await start(loadConfig(petasosEnv, environment), broken.log)
  await eventually(async () => expect((await ask('mac:112233445566')).status).toBe(307))
  broken.breakAt(['device redirected'], 'aabbccddeeff')
})

afterAll(async () => {
  broken.mend()
  await petasos[Symbol.asyncDispose]()
  await nats[Symbol.asyncDispose]()
})

it('an unexpected error of one request closes its connection, and the next is redirected', async () => {
  await expect(ask('mac:aabbccddeeff')).rejects.toThrow()
  expect(await faultsOf('request')).toBe(1)
  expect((await ask('mac:112233445566')).status).toBe(307)
})

it('an unexpected error of one upgrade closes its connection, and the next is redirected', async () => {
  const socket = connect(Number(new URL(petasos.url).port), '127.0.0.1')
  socket.write(
    'GET /api/v2/device HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'X-Webpa-Device-Name: mac:aabbccddeeff\r\n\r\n',
  )
  socket.resume()
  await once(socket, 'close')
  expect(await faultsOf('upgrade')).toBe(1)
  expect((await ask('mac:112233445566')).status).toBe(307)
})
