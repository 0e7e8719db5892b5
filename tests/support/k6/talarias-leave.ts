/** A stack whose Talarias leave while scripts hold devices there. */
import { isOnline, watchEvents } from '#tests/support/events.ts'
import { eventually } from '#tests/support/eventually.ts'
import { redirectOf } from '#tests/support/redirect.ts'
import { startStack } from '#tests/support/stack.ts'
import { variablesOf, type K6, type K6Result } from './k6.ts'
import { SMALL } from './result.ts'

/** Some processes start at the same time, on a machine that may be busy with other tests. */
const ONLINE_MS = 60_000

/**
 * Runs scripts on a stack of two Talarias, each script with devices of its own. Once all are online
 * the Talaria with the first device leaves, or both do.
 */
export async function whileTalariasLeave(
  k6: K6,
  which: 'one' | 'both',
  scripts: readonly string[],
  settings: Readonly<Record<string, number>>,
): Promise<K6Result[]> {
  await using stack = await startStack({ talarias: 2 })
  await using events = await watchEvents(stack)
  const running = scripts.map((script, index) =>
    k6.run(`loadtest/k6/${script}.ts`, {
      ...SMALL,
      ...variablesOf(stack),
      ...settings,
      FIRST_DEVICE: index * SMALL.DEVICES,
    }),
  )
  const devices = Array.from({ length: scripts.length * SMALL.DEVICES }, (_, index) =>
    deviceIdOf(index),
  )
  await eventually(
    () => {
      const missing = devices.filter((id) => !events.seen.some(isOnline(id)))
      if (missing.length > 0) throw new Error(`not online: ${missing.join(', ')}`)
    },
    { withinMs: ONLINE_MS },
  )
  const owner = await redirectOf(stack, deviceIdOf(0))
  const leaving = stack.talarias.filter(({ url }) => which === 'both' || url === owner)
  await Promise.all(leaving.map((talaria) => talaria[Symbol.asyncDispose]()))
  return await Promise.all(running)
}

/** As the scripts name them. */
const deviceIdOf = (index: number): string => `mac:026b36${index.toString(16).padStart(6, '0')}`
