import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countWrites, whyNoWriteCount } from '#tests/support/count-writes.ts'
import { eventually } from '#tests/support/eventually.ts'
import { gatherWrites, writeGathered } from './gathered-writes.ts'

let server: Server
let socket: Socket
let received: string

beforeEach(async () => {
  received = ''
  server = createServer((peer) => peer.on('data', (bytes) => (received += bytes.toString())))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
})
afterEach(() => {
  socket.destroy()
  server.close()
})

const write = (text: string): void => {
  gatherWrites(socket)
  socket.write(text)
}

describe('the writes to a socket', () => {
  it.skipIf(whyNoWriteCount)('of one turn are one, in their order', async () => {
    const texts = Array.from({ length: 100 }, (_, index) => `${index};`)
    const count = await countWrites(async () => {
      for (const text of texts) {
        write(text)
        await Promise.resolve()
      }
      expect(socket.writableLength).toBe(texts.join('').length)
      // What was gathered leaves at the end of the turn.
      for (let turn = 0; turn < 2; turn += 1) await nextTurn()
    })
    await eventually(() => expect(received).toBe(texts.join('')))
    expect(count).toBeLessThan(20)
  })

  it('of one turn leave before its end when they are many bytes', () => {
    for (let index = 0; index < 20; index += 1) write('x'.repeat(10_000))
    expect(socket.writableLength).toBeLessThan(200_000)
  })

  it('leave at once when somebody says so', () => {
    write('now')
    expect(socket.writableLength).toBe(3)
    writeGathered(socket)
    expect(socket.writableLength).toBe(0)
  })

  it('that was destroyed meanwhile harm no other', async () => {
    const other = connect((server.address() as AddressInfo).port, '127.0.0.1')
    await once(other, 'connect')
    write('gone')
    socket.destroy()
    gatherWrites(other)
    other.write('there')
    await eventually(() => expect(received).toContain('there'))
    other.destroy()
  })
})
