import { headers } from '@nats-io/transport-node'
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectAllUsers, type AllUsers } from '#tests/support/all-users.ts'
import { USERS } from './permissions.ts'

let users: AllUsers
beforeAll(async () => void (users = await connectAllUsers()))
afterAll(() => users?.[Symbol.asyncDispose]())

describe('what is refused', () => {
  it('is told at once to who asked, not by a time-out', async () => {
    const began = performance.now()
    const manager = await jetstreamManager(users.connectionOf('caduceus'), { checkAPI: false })
    await expect(manager.streams.delete('EVENTS')).rejects.toThrow(/permissions violation/i)
    const put = jetstream(users.connectionOf('petasos')).publish('$KV.TALARIAS.t-1', '{}')
    await expect(put).rejects.toThrow(/permissions violation/i)
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  it('changes nothing', async () => {
    const manager = await jetstreamManager(users.connectionOf('operator'), { checkAPI: false })
    const messagesOf = async (stream: string): Promise<number> =>
      (await manager.streams.info(stream)).state.messages
    await jetstream(users.connectionOf('talaria')).publish('xmidt.event.3.online.mac_1', 'x')
    const before = await messagesOf('EVENTS')
    for (const { user } of USERS.filter(({ user }) => !['talaria', 'caduceus'].includes(user))) {
      expect(await users.isRefused(user, 'publish', 'xmidt.event.3.online.mac_1')).toBe(true)
    }
    expect(await messagesOf('EVENTS')).toBe(before)
    await jetstream(users.connectionOf('caduceus')).publish('xmidt.event.3.online.mac_1', 'x')
    expect(await messagesOf('EVENTS')).toBe(before + 1)
  })
})

describe('an answer of a Talaria', () => {
  it('goes to who may ask, twice where there is a receipt, and nowhere else that he names', async () => {
    const talaria = users.connectionOf('talaria')
    const scytale = users.connectionOf('scytale')
    const answering = talaria.subscribe('xmidt.device.mac_2.*', {
      callback: (_, message) => {
        message.respond('receipt')
        message.respond('answer')
      },
    })
    await talaria.flush()
    const heard: string[] = []
    scytale.subscribe('_INBOX_scytale.two', {
      callback: (_, message) => void heard.push(message.string()),
    })
    scytale.publish('xmidt.device.mac_2.command', '', { reply: '_INBOX_scytale.two' })
    await expect.poll(() => heard).toEqual(['receipt', 'answer'])
    users.refusals.length = 0
    for (const reply of ['xmidt.device.mac_3.command', '$KV.WEBHOOKS.aa', '_INBOX_caduceus.a']) {
      scytale.publish('xmidt.device.mac_2.stat', '', { reply })
      await expect
        .poll(() => users.refusals)
        .toContainEqual({ user: 'talaria', operation: 'publish', subject: reply })
    }
    // A request from TOOLS has a reply subject of the server's own making.
    expect(
      (await users.connectionOf('tools').request('xmidt.device.mac_2.stat', '')).string(),
    ).toBe('receipt')
    answering.unsubscribe()
  })
})

describe('what permissions cannot do, and README.md says so:', () => {
  it('JetStream sends its answer wherever who asked says', async () => {
    const petasos = users.connectionOf('petasos')
    const caduceus = users.connectionOf('caduceus')
    petasos.publish('$JS.API.STREAM.INFO.KV_TALARIAS', '', { reply: '$KV.WEBHOOKS.bb' })
    await petasos.flush()
    const read = async (): Promise<string> =>
      (await caduceus.request('$JS.API.DIRECT.GET.KV_WEBHOOKS.$KV.WEBHOOKS.bb', '')).string()
    await expect.poll(read).toContain('stream_info_response')
  })

  it('who may write one entry of a bucket may remove all of them', async () => {
    const talaria = jetstream(users.connectionOf('talaria'))
    await talaria.publish('$KV.TALARIAS.one', '{}')
    await talaria.publish('$KV.TALARIAS.two', '{}')
    const rollup = headers()
    rollup.set('Nats-Rollup', 'all')
    await talaria.publish('$KV.TALARIAS.one', '{}', { headers: rollup })
    const manager = await jetstreamManager(users.connectionOf('operator'), { checkAPI: false })
    expect((await manager.streams.info('KV_TALARIAS')).state.messages).toBe(1)
  })
})
