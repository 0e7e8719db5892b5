import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectAllUsers, type AllUsers, type Operation } from '#tests/support/all-users.ts'
import { USER_NAMES, USERS, type UserName } from './permissions.ts'

/** What a user may not do, and who may: without somebody who may, a typing mistake would pass. */
interface Rule {
  what: string
  operation: Operation
  subjects: string[]
  allowed: UserName[]
  /** Everybody else of these is refused. */
  users: UserName[]
}

const ALL = [...USER_NAMES]
const IN_FABRIC = USERS.filter(({ account }) => account === 'FABRIC').map(({ user }) => user)

const publishing = (what: string, allowed: UserName[], ...subjects: string[]): Rule => ({
  what,
  operation: 'publish',
  subjects,
  allowed,
  users: ALL,
})
const subscribing = (what: string, allowed: UserName[], ...subjects: string[]): Rule => ({
  what,
  operation: 'subscription',
  subjects,
  allowed,
  // In TOOLS all may be watched: of FABRIC nothing is there but what TOOLS imports.
  users: ALL.filter((user) => user !== 'tools'),
})

const RULES: Rule[] = [
  publishing('command a device', ['scytale'], 'xmidt.device.mac_1.command'),
  publishing('announce a session', ['talaria'], 'xmidt.device.mac_1.session'),
  publishing(
    'ask for statistics of a device',
    ['scytale', 'operator', 'tools'],
    'xmidt.device.mac_1.stat',
  ),
  publishing('publish an event', ['talaria', 'caduceus'], 'xmidt.event.3.online.mac_1'),
  publishing(
    'publish a dead letter again',
    ['talaria', 'caduceus', 'operator'],
    'xmidt.event.again.online.mac_1',
  ),
  publishing('publish a dead letter', ['caduceus'], 'xmidt.dead.aa'),
  publishing('put a Talaria on the list', ['talaria'], '$KV.TALARIAS.t-1', '$KV.TALARIAS.t.1'),
  publishing('register a webhook', ['caduceus'], '$KV.WEBHOOKS.aa'),
  publishing(
    'read a registration',
    ['caduceus'],
    '$JS.API.DIRECT.GET.KV_WEBHOOKS.$KV.WEBHOOKS.aa',
    '$JS.API.CONSUMER.CREATE.KV_WEBHOOKS.any.$KV.WEBHOOKS.>',
  ),
  publishing(
    'note how often an event failed, and where a webhook is',
    ['caduceus'],
    '$KV.WEBHOOK_STATE.retry.aa.1',
    '$KV.WEBHOOK_STATE.place.aa',
    '$JS.API.DIRECT.GET.KV_WEBHOOK_STATE.$KV.WEBHOOK_STATE.place.aa',
    '$JS.API.CONSUMER.CREATE.KV_WEBHOOK_STATE.any.$KV.WEBHOOK_STATE.>',
  ),
  publishing('ask each Caduceus what it was given', ['caduceus'], 'xmidt.caduceus.taken'),
  publishing('answer another Caduceus', ['caduceus'], '_INBOX_caduceus.a.b'),
  publishing(
    'make, change, empty or remove a stream',
    ['provisioner'],
    ...['CREATE', 'UPDATE', 'PURGE', 'DELETE'].flatMap((verb) =>
      ['EVENTS', 'KV_WEBHOOKS', 'OTHER'].map((stream) => `$JS.API.STREAM.${verb}.${stream}`),
    ),
  ),
  publishing(
    'make, take from or remove a consumer of events',
    ['caduceus', 'operator'],
    '$JS.API.CONSUMER.CREATE.EVENTS.webhook_aa',
    '$JS.API.CONSUMER.CREATE.EVENTS.webhook_aa.xmidt.event.*.online.>',
    '$JS.API.CONSUMER.MSG.NEXT.EVENTS.webhook_aa',
    '$JS.API.CONSUMER.DELETE.EVENTS.webhook_aa',
    '$JS.ACK.EVENTS.webhook_aa.1.1.1.1.1',
  ),
  publishing(
    'read single events',
    ['operator', 'tools'],
    '$JS.API.STREAM.MSG.GET.EVENTS',
    '$JS.API.STREAM.MSG.GET.DEAD_LETTERS',
  ),
  publishing(
    'put or take away the entry of a session',
    ['talaria'],
    '$KV.SESSIONS.t-1',
    '$KV.SESSIONS.t-1.mac_1',
  ),
  publishing(
    'read sessions',
    ['talaria', 'operator'],
    '$JS.API.DIRECT.GET.KV_SESSIONS',
    '$JS.API.DIRECT.GET.KV_SESSIONS.$KV.SESSIONS.t-1.mac_1',
  ),
  publishing(
    'read an event by its place',
    ['talaria', 'caduceus', 'operator'],
    '$JS.API.DIRECT.GET.EVENTS',
  ),
  publishing(
    'read what was told of a device',
    ['talaria', 'operator'],
    '$JS.API.DIRECT.GET.EVENTS.xmidt.event.3.device-status.mac_1',
  ),
  publishing(
    'watch who is a Talaria',
    ['scytale', 'petasos', 'talaria', 'operator'],
    '$JS.API.CONSUMER.CREATE.KV_TALARIAS.any.$KV.TALARIAS.>',
  ),
  publishing('ping all Talarias', ['scytale', 'petasos', 'operator'], 'xmidt.talarias.ping'),
  publishing(
    'ping a Talaria',
    ['scytale', 'petasos', 'operator', 'talaria'],
    'xmidt.talaria.t-1.ping',
  ),
  publishing(
    'close the gate of a Talaria or drain it',
    ['operator'],
    'xmidt.talaria.t-1.gate',
    'xmidt.talaria.t-1.drain',
    'xmidt.talaria.t-1.stat',
  ),
  publishing('answer a command', ['talaria'], '_INBOX_scytale.a.b'),
  publishing('ask what servers tell of themselves', ['system'], '$SYS.REQ.SERVER.PING.VARZ'),
  subscribing('hold a device', ['talaria'], 'xmidt.device.mac_1.*'),
  subscribing('be asked as a Talaria', ['talaria'], 'xmidt.talaria.t-1.*', 'xmidt.talarias.ping'),
  subscribing('be asked as a Caduceus', ['caduceus'], 'xmidt.caduceus.taken'),
  subscribing(
    'see events',
    ['operator'],
    'xmidt.event.>',
    'xmidt.event.*.online.>',
    'xmidt.dead.>',
  ),
  ...IN_FABRIC.map((user) =>
    subscribing(`read the replies to ${user}`, [user], `_INBOX_${user}.>`, `_INBOX_${user}.a`),
  ),
]

/** What no user at all may, beside what that user may: the control. */
const NOBODY: { operation: Operation; subjects: string[]; users: UserName[] }[] = [
  {
    operation: 'subscription',
    users: IN_FABRIC,
    subjects: [
      '>',
      'xmidt.>',
      'xmidt.device.>',
      '*.device.>',
      'xmidt.*.mac_1.command',
      '_INBOX.>',
      '$KV.>',
      '$KV.WEBHOOKS.>',
      '$JS.>',
      '_R_.>',
    ],
  },
  {
    operation: 'publish',
    users: ALL,
    subjects: [
      // Registrations hold secrets, and one message by its number needs no key.
      '$JS.API.STREAM.MSG.GET.KV_WEBHOOKS',
      '$JS.API.DIRECT.GET.KV_WEBHOOKS',
      '$JS.API.STREAM.MSG.DELETE.EVENTS',
      '$JS.API.STREAM.SNAPSHOT.KV_WEBHOOKS',
      '$JS.API.STREAM.RESTORE.EVENTS',
      '$JS.API.CONSUMER.PAUSE.EVENTS.webhook_aa',
      '$JS.API.CONSUMER.CREATE.KV_WEBHOOKS.any.$KV.OTHER.>',
      'xmidt.event.1.two',
      'xmidt.event.1.two.mac_1.more',
      'xmidt.device.mac_1.reboot',
      'xmidt.talaria.t-1.reboot',
      '$SYS.REQ.SERVER.ANY.RELOAD',
      '$SYS.REQ.SERVER.ANY.KICK',
      '$SYS.REQ.SERVER.ANY.LDM',
      '$SYS.REQ.CLAIMS.UPDATE',
    ],
  },
]

/** What each user does every day: that it is not refused shows that refusals are no accident. */
const DAILY: Record<UserName, Record<Operation, string>> = {
  talaria: { publish: 'xmidt.device.mac_1.session', subscription: 'xmidt.device.mac_1.*' },
  scytale: { publish: 'xmidt.device.mac_1.command', subscription: '_INBOX_scytale.a.*' },
  petasos: { publish: 'xmidt.talarias.ping', subscription: '_INBOX_petasos.a.*' },
  caduceus: { publish: 'xmidt.dead.aa', subscription: '_INBOX_caduceus.a.*' },
  provisioner: {
    publish: '$JS.API.STREAM.INFO.EVENTS',
    subscription: '_INBOX_provisioner.a.*',
  },
  operator: { publish: '$JS.API.STREAM.LIST', subscription: 'xmidt.event.>' },
  tools: { publish: '$JS.API.STREAM.LIST', subscription: '>' },
  system: { publish: '$SYS.REQ.SERVER.PING', subscription: '$SYS.SERVER.>' },
}

let users: AllUsers
beforeAll(async () => void (users = await connectAllUsers()))
afterAll(() => users?.[Symbol.asyncDispose]())

describe('of all users', () => {
  it.each(RULES)('only $allowed may $what', async (rule) => {
    const { operation, subjects, allowed } = rule
    for (const subject of subjects) {
      const may: UserName[] = []
      for (const user of rule.users)
        if (!(await users.isRefused(user, operation, subject))) may.push(user)
      expect({ subject, may: new Set(may) }).toEqual({ subject, may: new Set(allowed) })
    }
  })

  it.each(NOBODY)('nobody gets through what no $operation needs', async (forbidden) => {
    const { operation, subjects } = forbidden
    for (const user of forbidden.users) {
      for (const subject of subjects) {
        const isRefused = await users.isRefused(user, operation, subject)
        expect({ user, subject, isRefused }).toEqual({ user, subject, isRefused: true })
      }
      expect(await users.isRefused(user, operation, DAILY[user][operation])).toBe(false)
    }
  })
})

describe('the wildcard over devices', () => {
  it('is open to a Talaria, as NATS cannot ask for a concrete device, and to nobody else', async () => {
    for (const user of IN_FABRIC) {
      const refused = await users.isRefused(user, 'subscription', 'xmidt.device.*.*')
      expect({ user, refused }).toEqual({ user, refused: user !== 'talaria' })
    }
  })
})
