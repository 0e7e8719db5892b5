import { createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { defaultPorts, parsePort, requireFreePorts, type Ports } from './ports.ts'

describe('--port', () => {
  it('changes one part and keeps the others', () => {
    expect(parsePort('talaria=7200')).toEqual({ ...defaultPorts(), talaria: 7200 })
    expect(parsePort('nats=1', parsePort('talaria=7200'))).toMatchObject({ nats: 1, talaria: 7200 })
  })

  it.each(['', 'talaria', 'nobody=7000', 'talaria=', 'talaria=0', 'talaria=99999', '__proto__=1'])(
    '"%s" is refused with what could be said',
    (text) => {
      expect(() => parsePort(text)).toThrow(/the parts are|say a port/)
    },
  )
})

describe('taken ports', () => {
  const server = createServer()
  let port: number
  beforeEach(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
  })
  afterEach(() => new Promise((resolve) => server.close(resolve)))

  it('are named, with what to do', async () => {
    // Only the receiver is asked for, so that no other port of this machine matters.
    const none = { nats: 0, caduceus: 0, talaria: 0, scytale: 0, petasos: 0, themis: 0, parodus: 0 }
    const ports: Ports = { ...defaultPorts(), receiver: port }
    await expect(requireFreePorts(ports, { ...none, receiver: 1 })).rejects.toThrow(
      new RegExp(`${port} +\\(receiver\\)[\\s\\S]*--port receiver=`),
    )
    await expect(requireFreePorts(ports, { ...none, receiver: 0 })).resolves.toBeUndefined()
  })
})
