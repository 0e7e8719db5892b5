/** The TR-181 service: what it answers, and that it finds Parodus again. */
import { describe, expect, it } from 'vitest'
import { loadConfig } from '#libs/config/load.ts'
import { listenPull } from '#libs/sp/pull.ts'
import { connectPush } from '#libs/sp/push.ts'
import { decode, encode } from '#libs/wrp/codec.ts'
import { MSG_TYPE, type WrpMessage } from '#libs/wrp/message.ts'
import { start } from './app.ts'
import { tr181Env } from './config.ts'
import { createTree } from './tree.ts'
import { answerWdmp } from './wdmp.ts'

const ask = (value: unknown, tree = createTree('S1')) =>
  answerWdmp(tree, new TextEncoder().encode(JSON.stringify(value)))
const invalid = { message: 'Invalid Input Command', statusCode: 520 }

describe('WDMP', () => {
  it('GET gives a parameter with its type', () => {
    expect(ask({ command: 'GET', names: ['Device.DeviceInfo.SerialNumber'] })).toEqual({
      parameters: [
        {
          name: 'Device.DeviceInfo.SerialNumber',
          value: 'S1',
          dataType: 0,
          parameterCount: 1,
          message: 'Success',
        },
      ],
      statusCode: 200,
    })
  })

  it('GET of a name that ends in a dot gives what is below it', () => {
    const { parameters } = ask({ command: 'GET', names: ['Device.Time.'] }) as {
      parameters: { value: { name: string }[]; dataType: number; parameterCount: number }[]
    }
    expect(parameters[0]).toMatchObject({ name: 'Device.Time.', dataType: 11, parameterCount: 3 })
    expect(parameters[0]?.value.map(({ name }) => name)).toContain('Device.Time.NTPServer1')
  })

  it('GET of one unknown name gives nothing else', () => {
    expect(ask({ command: 'GET', names: ['Device.Time.Enable', 'Device.Nothing'] })).toEqual({
      message: 'Invalid parameter name',
      statusCode: 520,
    })
  })

  it('SET changes what it can and names what it cannot', () => {
    const tree = createTree('S1')
    const set = (name: string) => ({ name, value: 'v', dataType: 0 })
    const names = ['Device.Time.NTPServer1', 'Device.DeviceInfo.ModelName', 'Device.Nothing']
    expect(ask({ command: 'SET', parameters: names.map(set) }, tree)).toEqual({
      parameters: [
        { name: names[0], message: 'Success' },
        { name: names[1], message: 'Parameter is not writable' },
        { name: names[2], message: 'Invalid parameter name' },
      ],
      statusCode: 520,
    })
    expect(tree.get('Device.Time.NTPServer1')?.value).toBe('v')
  })

  it('an attribute is there once it has been set', () => {
    const tree = createTree('S1')
    const name = 'Device.Time.Enable'
    const get = { command: 'GET_ATTRIBUTES', names: [name], attributes: 'notify' }
    expect(ask(get, tree).statusCode).toBe(520)
    const parameters = [{ name, attributes: { notify: 1 } }]
    expect(ask({ command: 'SET_ATTRIBUTES', parameters }, tree).statusCode).toBe(200)
    expect(ask(get, tree)).toEqual({
      parameters: [{ name, attributes: { notify: 1 }, message: 'Success' }],
      statusCode: 200,
    })
  })

  it.each(['TEST_AND_SET', 'ADD_ROW', 'DELETE_ROW', 'REPLACE_ROWS'])('%s is refused', (command) => {
    expect(ask({ command })).toEqual({ message: 'Method is not supported', statusCode: 520 })
  })

  it.each([
    [{ command: 'BOGUS' }],
    [null],
    [[]],
    ['text'],
    [{ command: 'GET', names: [] }],
    [{ command: 'GET', names: [7] }],
  ])('%j is refused', (value) => expect(ask(value)).toEqual(invalid))

  it('bytes that are no JSON are refused', () => {
    expect(answerWdmp(createTree('S1'), Uint8Array.of(0xff, 0))).toEqual(invalid)
  })
})

/** Where Parodus takes messages, with what came. */
async function listenAsParodus(url = 'tcp://127.0.0.1:0') {
  const messages: WrpMessage[] = []
  const pull = await listenPull({ url, onMessage: (bytes) => messages.push(decode(bytes)) })
  const message = async (type: number): Promise<WrpMessage> => {
    const find = () => messages.find((each) => each.msg_type === type)
    await expect.poll(find, { timeout: 5_000 }).toBeDefined()
    return find()!
  }
  return { url: pull.url, message, [Symbol.asyncDispose]: () => pull[Symbol.asyncDispose]() }
}

const startTr181 = (parodusUrl: string, more: Record<string, string> = {}) =>
  start(
    loadConfig(tr181Env, {
      LOG_LEVEL: 'silent',
      TR181_PARODUS_URL: parodusUrl,
      TR181_EVENT_INTERVAL_MS: '3600000',
      ...more,
    }),
  )

describe('the service', () => {
  it('registers, answers a request and sends events', async () => {
    await using parodus = await listenAsParodus()
    await using tr181 = await startTr181(parodus.url, { TR181_EVENT_INTERVAL_MS: '50' })
    const registered = await parodus.message(MSG_TYPE.serviceRegistration)
    expect(registered).toMatchObject({ service_name: 'config', url: tr181.url })
    await using push = connectPush(tr181.url)
    await push.send(Uint8Array.of(0xc1))
    await push.send(
      encode({
        msg_type: MSG_TYPE.request,
        source: 'dns:caller',
        dest: 'mac:112233445566/config',
        transaction_uuid: 't1',
        payload: new TextEncoder().encode('{"command":"GET","names":["Device.Time.Enable"]}'),
      }),
    )
    const answer = await parodus.message(MSG_TYPE.request)
    expect(answer).toMatchObject({
      source: 'mac:112233445566/config',
      dest: 'dns:caller',
      transaction_uuid: 't1',
      content_type: 'application/json',
    })
    expect(JSON.parse(new TextDecoder().decode(answer.payload))).toMatchObject({ statusCode: 200 })
    expect(await parodus.message(MSG_TYPE.event)).toMatchObject({ qos: 50, source: 'self:/config' })
  })

  it('registers at once with a Parodus that was started anew, not at its keep-alive of 65 s', async () => {
    const first = await listenAsParodus()
    await using _tr181 = await startTr181(first.url)
    await first.message(MSG_TYPE.serviceRegistration)
    await first[Symbol.asyncDispose]()
    await using again = await listenAsParodus(first.url)
    await again.message(MSG_TYPE.serviceRegistration)
  })
})
