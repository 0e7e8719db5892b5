import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { createLogger } from '#libs/log/logger.ts'
import { BACKLOG, tellSmallBacklog } from './backlog.ts'
import { serve } from './server.ts'

/** More than Node's own 511 by far, and few enough for any limit of open files. */
const CONNECTIONS = 900

/** Of the kernel, for a dropped connection to be tried again several times. */
const CONNECT_MS = 10_000

/** Connects so many, and says how many there are once all are, or the time is over. */
const CLIENT = `
const { connect } = require('node:net')
const [port, count, ms] = process.argv.slice(1).map(Number)
let connected = 0
const tell = () => { process.stdout.write(String(connected)); process.exit() }
for (let index = 0; index < count; index += 1) {
  connect(port, '127.0.0.1', () => { connected += 1; if (connected === count) tell() }).on('error', () => undefined)
}
setTimeout(tell, ms)
`

describe('connections that come while the process is busy', () => {
  it('wait until it takes them, also when they are more than 511', async () => {
    await using server = await serve({
      hostname: '127.0.0.1',
      port: 0,
      fetch: () => new Response(),
    })
    // This process takes nothing while it waits for the other to end.
    const args = ['-e', CLIENT, String(server.port), String(CONNECTIONS), String(CONNECT_MS)]
    const connected = execFileSync(process.execPath, args, { encoding: 'utf8' })
    expect(Number(connected)).toBe(CONNECTIONS)
  })

  it('are told of where the kernel keeps fewer than asked for', () => {
    const lines: string[] = []
    const destination = { write: (line: string) => void lines.push(line) }
    const log = createLogger('test', { level: 'info', destination })
    tellSmallBacklog(log, BACKLOG)
    tellSmallBacklog(log, undefined)
    expect(lines).toEqual([])
    tellSmallBacklog(log, 128)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('"somaxconn":128')
  })
})
