import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { decode, encode } from './codec.ts'
import { acknowledgement, needsAcknowledgement, qosLevel } from './qos.ts'

it.each([
  [undefined, 'low'],
  [-1, 'low'],
  [24, 'low'],
  [25, 'medium'],
  [49, 'medium'],
  [50, 'high'],
  [74, 'high'],
  [75, 'critical'],
  [100, 'critical'],
] as const)('qos %s is of level %s', (qos, level) => {
  expect(qosLevel(qos)).toBe(level)
})

it('events alone ask for an acknowledgement', () => {
  expect(needsAcknowledgement({ msg_type: 4, qos: 99 })).toBe(true)
  expect(needsAcknowledgement({ msg_type: 3, qos: 99 })).toBe(false)
  expect(needsAcknowledgement({ msg_type: 4 })).toBe(false)
})

it("an acknowledgement is byte for byte upstream's, but for the source that it is told", () => {
  const file = new URL('vectors/wrp-vectors.json', import.meta.url)
  const vectors = JSON.parse(readFileSync(file, 'utf8')) as { name: string; hex: string }[]
  const hex = vectors.find(({ name }) => name === 'go3-talaria-qos-ack')?.hex ?? ''
  const {
    source = '',
    session_id: sessionId = '',
    dest = '',
    ...rest
  } = decode(Buffer.from(hex, 'hex'))
  const event = {
    ...rest,
    source: dest,
    dest: 'event:x',
    content_type: 'text/plain',
    payload: Uint8Array.of(1),
  }
  const made = encode(acknowledgement(event, { source, sessionId }))
  expect(Buffer.from(made).toString('hex')).toBe(hex)
})
