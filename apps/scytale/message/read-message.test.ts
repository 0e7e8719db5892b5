import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encode } from '#libs/wrp/codec.ts'
import { toJson } from '#libs/wrp/json.ts'
import type { WrpMessage } from '#libs/wrp/message.ts'
import { readForm, readMessage } from './read-message.ts'
import { Refusal } from '#apps/scytale/refusal.ts'

const request: WrpMessage = {
  msg_type: 3,
  source: 'dns:caller.example',
  dest: 'mac:112233445566/config',
  transaction_uuid: 't-1',
  payload: new TextEncoder().encode('{}'),
}

const read = (headers: Record<string, string>, body: Uint8Array = new Uint8Array()) => {
  const found = new Headers(headers)
  const form = readForm(found)
  if (!form) throw new Error('no form')
  return readMessage(form, found, body)
}

const refusalOf = (act: () => unknown): { status: number; message: string } => {
  try {
    act()
  } catch (error) {
    if (error instanceof Refusal) return { status: error.status, message: error.message }
    throw error
  }
  throw new Error('was not refused')
}

const msgpack = { 'content-type': 'application/msgpack' }

describe('the form of a request', () => {
  it('is the headers whenever one of them has the message type, in either generation', () => {
    const json = { 'content-type': 'application/json' }
    expect(readForm(new Headers({ ...json, 'x-xmidt-message-type': '3' }))?.kind).toBe('headers')
    expect(readForm(new Headers({ 'x-midt-msg-type': '3' }))?.kind).toBe('headers')
  })

  it('is none for any other body', () => {
    expect(readForm(new Headers({ 'content-type': 'text/plain' }))).toBeUndefined()
    expect(readForm(new Headers())).toBeUndefined()
  })

  it('is refused when the caller takes no format that there is', () => {
    const headers = new Headers({ ...msgpack, accept: 'text/html' })
    expect(refusalOf(() => readForm(headers)).status).toBe(400)
  })
})

describe('a message', () => {
  it('reads the same from msgpack, JSON and headers', () => {
    const json = new TextEncoder().encode(toJson(request))
    const headers = {
      'x-xmidt-message-type': 'SimpleRequestResponse',
      'x-xmidt-source': 'dns:caller.example',
      'x-xmidt-transaction-uuid': 't-1',
      'x-webpa-device-name': 'mac:112233445566/config',
    }
    const found = [
      read(msgpack, encode(request)),
      read({ 'content-type': 'application/json; charset=utf-8' }, json),
      read(headers, request.payload),
    ]
    for (const { message, device } of found) {
      expect(device).toBe('mac:112233445566')
      expect(message).toMatchObject({ ...request, payload: expect.anything() as unknown })
      expect(Buffer.from(message.payload ?? []).toString()).toBe('{}')
    }
  })

  it('without a transaction is refused with a text that says so', () => {
    const { transaction_uuid: _, ...rest } = request
    expect(refusalOf(() => read(msgpack, encode(rest)))).toEqual({
      status: 400,
      message: 'transaction_uuid is required',
    })
  })

  it.each([
    ['an event destination', { ...request, dest: 'event:x' }],
    ['no destination', { ...request, dest: '' }],
    ['a MAC that is none', { ...request, dest: 'mac:1122/config' }],
    ['no source', { ...request, source: '' }],
    ['a source over 512 characters', { ...request, source: `dns:${'x'.repeat(512)}` }],
    [
      'a destination over 512 characters',
      { ...request, dest: `${request.dest}/${'x'.repeat(512)}` },
    ],
    ['a type that is for no device', { ...request, msg_type: 9 }],
    ['a type that there is not', { ...request, msg_type: 12 }],
  ])('with %s is refused', (_what, message) => {
    expect(refusalOf(() => read(msgpack, encode(message))).status).toBe(400)
  })

  it.each([
    ['nothing', ''],
    ['text', 'hello'],
    ['half a message', '{"msg_type":3'],
    ['a list', '[]'],
  ])('that is %s is refused, in both formats', (_what, text) => {
    const bytes = new TextEncoder().encode(text)
    expect(refusalOf(() => read(msgpack, bytes)).status).toBe(400)
    expect(refusalOf(() => read({ 'content-type': 'application/json' }, bytes)).status).toBe(400)
  })

  it('is made or refused, whatever the bytes', () => {
    const json = { 'content-type': 'application/json' }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.boolean(), (bytes, isJson) => {
        try {
          read(isJson ? json : msgpack, bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
    )
    fc.assert(
      fc.property(fc.json(), (text) => {
        try {
          read(json, new TextEncoder().encode(text))
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
        }
      }),
    )
  })
})
