/** How many writes this process asks of the operating system while something is done; Linux only. */
import { existsSync, readFileSync } from 'node:fs'

const IO = '/proc/self/io'

/** Why writes cannot be counted here; undefined where they can. */
export const whyNoWriteCount = existsSync(IO) ? undefined : `there is no ${IO}`

/** Counts all writes of this process during `act`: those to sockets, and a few of Node's own. */
export async function countWrites(act: () => Promise<void>): Promise<number> {
  const before = writesSoFar()
  await act()
  return writesSoFar() - before
}

const writesSoFar = (): number =>
  Number(/^syscw: (\d+)$/m.exec(readFileSync(IO, 'utf8'))?.[1] ?? Number.NaN)
