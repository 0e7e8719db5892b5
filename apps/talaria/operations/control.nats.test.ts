import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { App } from '#libs/lifecycle/app.ts'
import { basicOf } from '#tests/support/caller.ts'
import {
  OPERATOR_HEADERS as headers,
  startTalariaBench,
  type TalariaBench,
} from '#tests/support/talaria.ts'

let bench: TalariaBench
let talaria: App

beforeAll(async () => {
  bench = await startTalariaBench()
  talaria = await bench.startTalaria()
})
afterAll(async () => {
  await talaria[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const ask = (what: string, init: RequestInit = {}, of = talaria): Promise<Response> =>
  fetch(`${of.operationsUrl}/api/v3/device/${what}`, { headers, ...init })
const order = (what: string): Promise<Response> => ask(what, { method: 'POST' })

describe('gate and drain on the operations port', () => {
  it('are nobody’s without a credential, and nothing happens', async () => {
    await using device = await bench.connect(talaria, bench.newDevice())
    const wrong = [{}, { authorization: basicOf('lever:wrong') }, { authorization: 'Bearer x' }]
    for (const bad of wrong) {
      for (const [what, method] of [
        ['gate?open=false', 'POST'],
        ['gate', 'GET'],
        ['drain', 'POST'],
        ['drain', 'GET'],
        ['drain', 'DELETE'],
      ] as const) {
        const response = await ask(what, { method, headers: bad })
        expect([what, response.status]).toEqual([what, 401])
        expect(response.headers.get('www-authenticate')).toContain('Basic')
      }
    }
    expect(await (await ask('gate')).json()).toMatchObject({ open: true })
    expect(await (await ask('drain')).json()).toMatchObject({ active: false, job: { count: 0 } })
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })

  it('are refused with what to set where no credential is configured', async () => {
    await using closed = await bench.startTalaria({ TALARIA_OPERATIONS_CREDENTIALS: '' })
    const response = await ask('drain', { method: 'POST' }, closed)
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('TALARIA_OPERATIONS_CREDENTIALS')
    expect((await fetch(`${closed.operationsUrl}/livez`)).status).toBe(200)
  })

  it.each([
    'drain?toString=1',
    'drain?__proto__=1',
    'drain?constructor=1',
    'drain?count=1&count=2',
    'drain?count',
    'drain?count=%00',
    'drain?%=%',
    'gate?open=true&open=false',
    'gate?toString=1',
    'gate',
  ])('refuse the odd query %s with 400 and do nothing', async (query) => {
    await using device = await bench.connect(talaria, bench.newDevice())
    const response = await order(query)
    expect(response.status).toBe(400)
    expect(await (await ask('drain')).json()).toMatchObject({ active: false, job: { count: 0 } })
    expect(device.socket.readyState).toBe(device.socket.OPEN)
  })
})
