import { expect, it } from 'vitest'
import { runCommand } from '#tests/support/up.ts'

const MAIN = new URL('main.ts', import.meta.url).pathname

const chaos = (...parameters: string[]) => runCommand(process.execPath, [MAIN, ...parameters])

/** Another one each time, so that each run looks at another corner; CHAOS_SEED repeats one. */
const SEED = process.env.CHAOS_SEED ?? String(1 + (Date.now() % 2 ** 31))

it('a seed prints its schedule again, and a scenario that there is not prints those that there are', async () => {
  const [one, other, unknown] = await Promise.all([
    chaos('pauses', '--seed', '7', '--schedule'),
    chaos('pauses', '--seed', '7', '--schedule'),
    chaos('nothing'),
  ])
  expect(one.stdout).toMatch(/^seed 7, 60 s\n {4}\d+\.\d s {2}pause [a-z]+-\w+ for \d\.\d s$/m)
  expect(other).toEqual(one)
  expect(unknown.code).toBe(2)
  expect(unknown.stderr).toContain('acknowledged')
}, 60_000)

it('a minute of kills, pauses and orderly ends of everything breaks no promise', async () => {
  process.stdout.write(`chaos seed ${SEED}: npm run chaos -- mixed --seconds 60 --seed ${SEED}\n`)
  const { code, stdout, stderr } = await chaos('mixed', '--seconds', '60', '--seed', SEED)
  expect(code, `${stdout}\n${stderr}`).toBe(0)
}, 400_000)
