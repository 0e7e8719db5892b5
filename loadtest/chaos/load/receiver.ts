/**
 * A webhook receiver as a process of its own: `node receiver.ts <port> <file> <manner>`. Each
 * delivery is a line in the file before it is answered, so that a kill takes none along that
 * Caduceus was told of. The manner is what a sick receiver does instead of answering 200.
 */
import { openSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { nowMs } from '#loadtest/chaos/clock.ts'

/** How receivers answer. */
export type Manner = 'sound' | 'failing' | 'hanging' | 'resetting'

const [port = '0', file = '', manner = 'sound'] = process.argv.slice(2)
const log = openSync(file, 'a')

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { 'webhook-id': id = '', 'x-xmidt-transaction-uuid': transaction = '' } = request.headers
  const isTaken = manner === 'sound'
  writeSync(log, `${nowMs().toFixed(1)}\t${transaction as string}\t${id as string}\t${isTaken}\n`)
  switch (manner as Manner) {
    case 'sound':
      return void response.writeHead(200).end()
    case 'failing':
      return void response.writeHead(500).end()
    case 'hanging':
      return undefined
    case 'resetting':
      return void request.socket.resetAndDestroy()
  }
}

const server = createServer((request, response) => {
  request.on('error', () => undefined)
  request.on('end', () => answer(request, response)).resume()
})
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('ready\n'))
