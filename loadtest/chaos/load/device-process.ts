/**
 * One device as a process of its own, so that it can stand still:
 * `node device-process.ts <id> <petasos> <manner>`, its token in the environment. Of a `slow` one
 * each answer takes longer than any caller waits; it is alive all the same.
 */
import { createRandom } from '#loadtest/random.ts'
import { createDevice } from './device.ts'
import { createRecords } from './records.ts'

const [id = '', petasosUrl = '', manner = ''] = process.argv.slice(2)
const records = createRecords()
createDevice({
  id,
  token: process.env.CHAOS_TOKEN ?? '',
  petasosUrl,
  talariaAt: (origin) => origin,
  records,
  backoff: { firstMs: 1_000, maxMs: 4_000 },
  random: createRandom(1),
  ...(manner === 'slow' && { workMs: 60_000 }),
})

// Whoever started it waits for the first connection.
const timer = setInterval(() => {
  if (records.connections.length === 0) return
  clearInterval(timer)
  process.stdout.write('connected\n')
}, 20)
