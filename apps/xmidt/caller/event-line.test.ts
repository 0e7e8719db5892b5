import { headers } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import { encode } from '#libs/wrp/codec.ts'
import { jsonLine, readableLine } from './event-line.ts'

/** Sets the title, clears the screen, and turns what is read. */
const HOSTILE = '\u001b]0;owned\u0007\u001b[2J\u009b2J\u202eback\u2028'

const messageOf = (text: string) => {
  const named = headers()
  named.set('Xmidt-Dest', text)
  return {
    subject: 'xmidt.event.0.x.mac_112233445566',
    headers: named,
    data: encode({
      msg_type: 4,
      source: `mac:112233445566/${text}`,
      dest: `event:x/${text}`,
      payload: new TextEncoder().encode(text),
    }),
  }
}

describe('a line of what is listened to', () => {
  it.each([
    ['for a person', readableLine],
    ['as JSON', jsonLine],
  ])('%s gives a terminal no orders of a device', (_, lineOf) => {
    const line = lineOf(messageOf(HOSTILE.replaceAll(/[\r\n]/g, '')))
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u)
    expect(line).toContain(String.raw`\u001b[2J`)
  })

  it('as JSON is still the same JSON', () => {
    const line = JSON.parse(jsonLine(messageOf('a\u202eb'))) as { wrp: { dest: string } }
    expect(line.wrp.dest).toBe('event:x/a\u202eb')
  })
})
