import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { once } from 'node:events'
import fc from 'fast-check'
import { pack } from 'msgpackr'
import { describe, expect, it } from 'vitest'
import { anyMessage } from '#libs/wrp/arbitrary.ts'
import { encode } from '#libs/wrp/codec.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { readableOf } from './readable.ts'

const XMIDT = new URL('../../../bin/xmidt', import.meta.url).pathname

const event: WrpMessage = {
  msg_type: 4,
  source: 'mac:112233445566/iot',
  dest: 'event:device-status/mac:112233445566/online',
  partner_ids: ['comcast'],
  qos: 50,
}

const shown = async (bytes: Uint8Array): Promise<Record<string, unknown>> =>
  JSON.parse((await readableOf(bytes)).line) as Record<string, unknown>

const payloadOf = (payload: Uint8Array | string, contentType?: string) =>
  shown(
    encode({
      ...event,
      payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
      ...(contentType !== undefined && { content_type: contentType }),
    }),
  )

/** `xmidt decode` as `nats --translate` starts it. */
async function run(
  input: Uint8Array | string,
  ...args: string[]
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(XMIDT, ['decode', ...args])
  // It may end before it has read all.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code: child.exitCode, stdout, stderr }
}

describe('a WRP is one line of JSON', () => {
  it('with its type by name and all its fields', async () => {
    expect(await shown(encode(event))).toEqual({ ...event, msg_type: 'event' })
  })

  it('with a payload that is JSON as what it holds, each number to the digit', async () => {
    const { line } = await readableOf(
      encode({ ...event, payload: Buffer.from('{"a":[1,12345678901234567890,1.10]}') }),
    )
    expect(line).toContain('"payload":{"a":[1,12345678901234567890,1.10]}')
  })

  it('with a payload that is msgpack as what it holds', async () => {
    const values = { names: ['a'], at: 1n << 62n, blob: Buffer.from('\0\xff', 'latin1') }
    const { line } = await readableOf(encode({ ...event, payload: pack(values) }))
    expect(line).toContain('"payload":{"names":["a"],"at":4611686018427387904,"blob":{"base64":')
    expect(await payloadOf(pack([1, 2]), 'application/msgpack')).toMatchObject({ payload: [1, 2] })
  })

  it('with any other payload as text, and bytes as base64', async () => {
    expect(await payloadOf('up 12 days')).toMatchObject({ payload: 'up 12 days' })
    expect(await payloadOf('12', 'text/plain')).toMatchObject({ payload: '12' })
    expect(await payloadOf('12', 'application/json')).toMatchObject({ payload: 12 })
    expect(await payloadOf('{"cut')).toMatchObject({ payload: '{"cut' })
    const bytes = Buffer.from([0, 1, 0xff])
    expect(await payloadOf(bytes)).toMatchObject({ payload_base64: bytes.toString('base64') })
    expect(await payloadOf('')).not.toHaveProperty('payload')
  })

  it('with what its type lacks', async () => {
    expect(await shown(encode({ msg_type: 4, source: 'mac:112233445566' }))).toMatchObject({
      msg_type: 'event',
      invalid: 'dest is missing',
    })
  })

  it('without a character that a terminal takes for an order or that reorders the line', async () => {
    const evil = '\u001b[2J\u009b31m\u202e\u200b\u2028\u{e0041}\n'
    const { line } = await readableOf(
      encode({ ...event, source: evil, payload: Buffer.from(evil) }),
    )
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
    expect(JSON.parse(line)).toMatchObject({ source: evil, payload: evil })
  })

  it('whatever the message is, and however deep its payload goes', async () => {
    await fc.assert(
      fc.asyncProperty(anyMessage, async (message) => {
        const { line, isWrp } = await readableOf(encode(message))
        expect(isWrp).toBe(true)
        expect(JSON.parse(line)).toBeTypeOf('object')
      }),
    )
    const deep = '['.repeat(100_000) + ']'.repeat(100_000)
    expect(await payloadOf(deep)).toMatchObject({ payload: deep })
    const unreadable = [Buffer.alloc(100_000, 0x91), Buffer.from([0xdd, 255, 255, 255, 255])]
    for (const bytes of unreadable) expect(await payloadOf(bytes)).toHaveProperty('payload_base64')
    // Somewhere between, what can be read can no longer be written.
    for (let depth = 1_000; depth < 20_000; depth += 500) {
      const nested = Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([1])])
      expect(await payloadOf(nested)).toHaveProperty('msg_type', 'event')
    }
  })
})

describe('what is no WRP', () => {
  it('is shown with why it is none', async () => {
    expect(await shown(Buffer.from('{"active":true}'))).toEqual({
      error: expect.stringContaining('no WRP (NOT_A_MAP)') as string,
      payload: { active: true },
    })
    expect(await shown(pack({ id: 1 }))).toMatchObject({
      error: expect.anything(),
      payload: { id: 1 },
    })
    expect(await shown(encode(event).subarray(0, 20))).toHaveProperty('payload_base64')
    expect(await shown(new Uint8Array())).toEqual({
      error: expect.stringContaining('TRUNCATED') as string,
    })
  })

  it('never breaks the line, whatever the bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        expect(JSON.parse((await readableOf(bytes)).line)).toBeTypeOf('object')
      }),
    )
  })
})

describe('the command', () => {
  it('prints one line and ends with 0 for a WRP', async () => {
    const { code, stdout, stderr } = await run(encode(event))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\{"msg_type":"event",.*\}\n$/)
  })

  it('ends with 1 for anything else, which it shows all the same, or with 0 by --any', async () => {
    expect(await run('hello')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^\{"error":"no WRP.*"payload":"hello"\}\n$/) as string,
    })
    expect(await run('hello', '--any')).toMatchObject({ code: 0 })
  })

  it('refuses more than a message can be', async () => {
    const { code, stdout, stderr } = await run(Buffer.alloc(17 * 1024 * 1024))
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('over 16777216 bytes')
  })
})
