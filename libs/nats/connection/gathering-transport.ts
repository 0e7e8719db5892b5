/**
 * The client's own transport with one difference: what is sent in one turn of the loop is one write.
 * The client sends after each callback, so each message would be a write of its own: a third to a
 * half of all that a busy process does.
 */
import { NatsConnectionImpl, setTransportFactory } from '@nats-io/nats-core/internal'
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node'
import { nodeResolveHost, NodeTransport } from '@nats-io/transport-node/lib/node_transport.js'
import { gatherWrites, writeGathered } from '#libs/socket/gathered-writes.ts'

/**
 * As the client's own `connect`, with gathered writes. The client asks the factory for a transport
 * with each attempt, and its own `connect` sets another one: who calls that in the same process
 * takes the gathering away from reconnects, and nothing else.
 */
export function connectGathering(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({
    factory: () => new GatheringTransport(),
    dnsResolveFn: nodeResolveHost,
  })
  return NatsConnectionImpl.connect(options)
}

class GatheringTransport extends NodeTransport {
  /** Nothing waits for a write: one that fails ends the socket, which the client notices. */
  override send(frame: Uint8Array): void {
    const { socket } = this
    if (this.isClosed || !socket) return
    gatherWrites(socket)
    socket.write(frame)
  }

  override close(error?: Error): Promise<void> {
    this.#writeOut()
    return super.close(error)
  }

  override discard(): void {
    this.#writeOut()
    super.discard()
  }

  override disconnect(): void {
    this.#writeOut()
    super.disconnect()
  }

  /** What was sent before an end is written before it, as it would be without gathering. */
  #writeOut(): void {
    if (this.socket) writeGathered(this.socket)
  }
}
