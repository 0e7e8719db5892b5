import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '#tests/support/eventually.ts'
import { BASIC, startScytaleBench, type ScytaleBench } from '#tests/support/scytale.ts'

let bench: ScytaleBench

beforeAll(async () => {
  bench = await startScytaleBench()
})

afterAll(() => bench[Symbol.asyncDispose]())

it.each([
  ['with its length', 'Content-Length: 100\r\n\r\n{'],
  ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n64\r\n{'],
])('a caller that goes away in the middle of a body %s is no error of ours', async (_how, rest) => {
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) })
  await using scytale = await bench.startScytale({}, log)
  const { hostname, port } = new URL(scytale.url)
  const socket = connect(Number(port), hostname)
  socket.end(
    `POST /api/v3/device HTTP/1.1\r\nHost: scytale\r\nAuthorization: ${BASIC}\r\n` +
      `Content-Type: application/json\r\n${rest}`,
  )
  socket.resume()
  await once(socket, 'close')
  const page = await eventually(async () => {
    const text = await (await fetch(`${scytale.operationsUrl}/metrics`)).text()
    expect(text).toContain('xmidt_scytale_requests_refused_total{reason="body-cut"} 1')
    return text
  })
  expect(page).toContain('xmidt_scytale_requests_total{route="send",code="499"} 1')
  expect(page).not.toContain('code="500"')
  expect(lines.filter((line) => line.includes('request failed'))).toEqual([])
})
