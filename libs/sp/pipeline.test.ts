import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress, parseAddress, SpAddressError } from './address.ts'
import { listenPull } from './pull.ts'
import { connectPush } from './push.ts'
import { createReader, hello, messageHead, SpError } from './wire.ts'

const ANY = 'tcp://127.0.0.1:0'
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (content: string): Uint8Array => new TextEncoder().encode(content)

/** A receiving end that keeps what it got, and tells of it. */
async function openPull(url = ANY, messageBytesMax?: number) {
  const messages: string[] = []
  const faults: Error[] = []
  const heard = new EventTarget()
  const pull = await listenPull({
    url,
    ...(messageBytesMax !== undefined && { messageBytesMax }),
    onMessage(bytes) {
      messages.push(text(bytes))
      heard.dispatchEvent(new Event('message'))
    },
    onFault: (error) => faults.push(error),
  })
  const received = async (count: number): Promise<string[]> => {
    while (messages.length < count) await once(heard, 'message')
    return messages
  }
  return {
    url: pull.url,
    messages,
    faults,
    received,
    [Symbol.asyncDispose]: () => pull[Symbol.asyncDispose](),
  }
}

async function openSocket(url: string): Promise<Socket> {
  const socket = connect(parseAddress(url))
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

describe('an address', () => {
  it.each(['tcp://127.0.0.1:6666', 'tcp://localhost:1', 'tcp://[::1]:6666'])(
    '%s is read',
    (url) => {
      const { host, port } = parseAddress(url)
      expect(formatAddress(host, port)).toBe(url)
    },
  )

  it.each([
    '',
    'ipc:///x',
    'tcp://',
    'tcp://host',
    'tcp://host:65536',
    'tcp://::1:6',
    'tcp://a/b:1',
  ])('%j is refused', (url) => expect(() => parseAddress(url)).toThrow(SpAddressError))
})

describe('a reader', () => {
  it('finds the same messages in whatever pieces the bytes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
        (sent, sizes) => {
          const stream = Buffer.concat([
            hello('push'),
            ...sent.flatMap((message) => [messageHead(message.length), message]),
          ])
          const got: Uint8Array[] = []
          const reader = createReader({ role: 'pull', onMessage: (bytes) => got.push(bytes) })
          for (let at = 0, index = 0; at < stream.length; index += 1) {
            const size = sizes[index % sizes.length]!
            reader.read(stream.subarray(at, at + size))
            at += size
          }
          expect(got.map((each) => [...each])).toEqual(sent.map((each) => [...each]))
        },
      ),
    )
  })

  it('refuses a length over the limit before a byte of the message has come', () => {
    const reader = createReader({ role: 'pull', onMessage: () => {}, messageBytesMax: 10 })
    reader.read(hello('push'))
    reader.read(messageHead(10).subarray(0, 4))
    expect(() => reader.read(Uint8Array.of(255, 255, 255, 255))).toThrow(SpError)
  })

  it.each([
    ['another protocol', Uint8Array.of(0, 0x53, 0x50, 0, 0, 0x30, 0, 0)],
    ['its own role', hello('pull')],
    ['a message before the hello', messageHead(4)],
    ['HTTP', bytesOf('GET / HTTP/1.1\r\n')],
  ])('refuses %s', (_, bytes) => {
    const reader = createReader({ role: 'pull', onMessage: () => {} })
    expect(() => reader.read(bytes)).toThrow('no end of a pipeline')
  })
})

describe('a pipeline', () => {
  it('speaks the bytes that nanomsg speaks', async () => {
    await using pull = await openPull()
    const socket = await openSocket(pull.url)
    const [said] = (await once(socket, 'data')) as [Buffer]
    expect(said.toString('hex')).toBe('0053500000510000')
    socket.write(Buffer.from('0053500000500000' + '0000000000000003' + '616263', 'hex'))
    expect(await pull.received(1)).toEqual(['abc'])
    socket.destroy()
  })

  it('keeps the order of many messages', async () => {
    await using pull = await openPull()
    await using push = connectPush(pull.url)
    const sent = Array.from({ length: 500 }, (_, index) => `message ${index}`)
    for (const message of sent) expect(await push.send(bytesOf(message))).toBe(true)
    expect(await pull.received(sent.length)).toEqual(sent)
  })

  it('waits with a message for a peer that comes a moment later', async () => {
    let url: string
    {
      await using gone = await openPull()
      url = gone.url
    }
    await using push = connectPush(url)
    const sending = push.send(bytesOf('early'))
    await using pull = await openPull(url)
    expect(await sending).toBe(true)
    expect(await pull.received(1)).toEqual(['early'])
  })

  it('says that nobody took a message, within its limit, and connects again later', async () => {
    const first = await openPull()
    await using push = connectPush(first.url)
    expect(await push.send(bytesOf('one'))).toBe(true)
    await first.received(1)
    await first[Symbol.asyncDispose]()
    await expect.poll(() => push.isConnected).toBe(false)
    expect(await push.send(bytesOf('lost'))).toBe(false)
    await using again = await openPull(first.url)
    expect(await push.send(bytesOf('two'))).toBe(true)
    expect(await again.received(1)).toEqual(['two'])
  })

  it('holds only so many messages for a peer that is away', async () => {
    let url: string
    {
      await using gone = await openPull()
      url = gone.url
    }
    const push = connectPush(url)
    const sending = Array.from({ length: 100 }, () => push.send(bytesOf('x')))
    // Those over the limit are refused at once: the first 64 are still waiting.
    expect(await Promise.all(sending.slice(64))).toEqual(Array.from({ length: 36 }, () => false))
    await push[Symbol.asyncDispose]()
    expect(await Promise.all(sending)).not.toContain(true)
  })

  it('does not fill memory for a peer that never reads', async () => {
    const sockets: Socket[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.write(hello('pull'))
      socket.pause()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const push = connectPush(formatAddress('127.0.0.1', (server.address() as AddressInfo).port))
    await expect.poll(() => push.isConnected).toBe(true)
    const sending = Array.from({ length: 64 }, () => push.send(new Uint8Array(1024 * 1024)))
    expect(await sending.at(-1)).toBe(false)
    for (const socket of sockets) socket.destroy()
    await push[Symbol.asyncDispose]()
    server.close()
  })

  it('ends the link of a peer with a huge message, and keeps the others', async () => {
    await using pull = await openPull(ANY, 1_000)
    await using good = connectPush(pull.url)
    const bad = await openSocket(pull.url)
    const closed = once(bad, 'close')
    bad.resume().write(Buffer.concat([hello('push'), messageHead(2 ** 40)]))
    await closed
    expect(pull.faults.map((fault) => fault.message)).toEqual([
      'a message of 1099511627776 bytes is over 1000',
    ])
    expect(await good.send(bytesOf('still here'))).toBe(true)
    expect(await pull.received(1)).toEqual(['still here'])
  })

  it('ends the link of a peer that says no hello', async () => {
    await using pull = await openPull()
    const silent = await openSocket(pull.url)
    await once(silent.resume(), 'close')
    expect(pull.faults.map((fault) => fault.message)).toEqual(['no hello in time'])
  })
})
