/** `k6/websockets`: the browser's websocket with headers. A refusal is an error and then a close. */
import { WebSocket as Socket, type RawData } from 'ws'
import type { Vu } from './vu.ts'

interface SocketEvent {
  type: string
  timestamp: number
  data?: string | ArrayBuffer
  error?: string
}

type Handler = (event: SocketEvent) => void

/** Codes that end a connection in order: the peer is done, or goes away. */
const CLOSED_IN_ORDER = [1000, 1001]

/** The class, whose sockets are the VU's. */
export function createWebSocket(vu: Vu): unknown {
  return class {
    binaryType = 'blob'
    onopen?: Handler
    onmessage?: Handler
    onping?: Handler
    onerror?: Handler
    onclose?: Handler
    readonly #socket: Socket

    constructor(url: string, _protocols: null, { headers = {} }: { headers?: object } = {}) {
      if (vu.isInit) throw new Error('no socket is opened while a script is loaded')
      if (!/^wss?:/.test(url))
        throw new Error(`WebSocket requires url with scheme ws or wss: ${url}`)
      const end = vu.begin()
      const socket = new Socket(url, { headers: { ...headers }, perMessageDeflate: false })
      this.#socket = socket
      socket.on('open', () => this.#emit('open'))
      socket.on('ping', () => this.#emit('ping'))
      socket.on('message', (data, isBinary) => this.#take(data, isBinary))
      socket.on('error', (error) => this.#emit('error', { error: error.message }))
      socket.on('close', (code) => {
        if (!CLOSED_IN_ORDER.includes(code) && code !== 1006) {
          this.#emit('error', { error: `websocket: close ${code}` })
        }
        this.#emit('close')
        end()
      })
    }

    get readyState(): number {
      return this.#socket.readyState
    }

    send(data: string | ArrayBuffer): void {
      if (this.#socket.readyState !== Socket.OPEN) throw new Error('InvalidStateError')
      this.#socket.send(data)
    }

    close(): void {
      // A real k6 hangs on a socket that is still connecting.
      if (this.#socket.readyState === Socket.CONNECTING) throw new Error('closed while connecting')
      this.#socket.close(1000)
    }

    #take(data: RawData, isBinary: boolean): void {
      const bytes = data as Buffer
      if (isBinary && this.binaryType !== 'arraybuffer')
        throw new Error('blobs are not stood in for')
      const { buffer } = Uint8Array.from(bytes)
      this.#emit('message', { data: isBinary ? buffer : bytes.toString() })
    }

    #emit(type: 'open' | 'message' | 'ping' | 'error' | 'close', more: Partial<SocketEvent> = {}) {
      const handler = this[`on${type}`]
      if (!handler) return
      const isGood = vu.callback(() => handler({ type, timestamp: Date.now(), ...more }))
      if (!isGood) this.#socket.terminate()
    }
  }
}
