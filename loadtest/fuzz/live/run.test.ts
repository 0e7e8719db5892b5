import { describe, expect, it } from 'vitest'
import type { FuzzedProcess } from './process.ts'
import { runLive } from './run.ts'
import { FindingError, type FuzzCase, type FuzzTarget } from './target.ts'

interface NumberCase extends FuzzCase {
  value: number
}

interface State {
  stallCpuMs: number
  end?: string
  heldBytes: number
  faults: number
}

const MEGABYTE = 2 ** 20

/** A process of numbers, of which some harm it. */
function targetWith(harm: (value: number, state: State) => void): FuzzTarget<NumberCase> {
  const state: State = { stallCpuMs: 0, heldBytes: 0, faults: 0 }
  const attacked: FuzzedProcess = {
    app: 'numbers',
    url: '',
    operationsUrl: '',
    get end() {
      return state.end
    },
    look() {
      const { stallCpuMs, heldBytes } = state
      state.stallCpuMs = 0
      return Promise.resolve({ stallCpuMs, stallWallMs: 0, residentBytes: 0, heldBytes })
    },
    faultCount: () => Promise.resolve(state.faults),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
  return {
    processes: [attacked],
    lanes: 3,
    round: 256,
    makeCase(random) {
      const value = random(1_000)
      return { kind: 'number', units: 1, value, describe: () => String(value) }
    },
    put({ value }) {
      harm(value, state)
      return Promise.resolve('put')
    },
    settle: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }
}

const OPTIONS = { seed: 7, countMax: 20_000, durationMs: 60_000 }

/** The first case of a run whose number it is. */
async function findingOf(target: FuzzTarget<NumberCase>): Promise<string> {
  const error: unknown = await runLive(target, OPTIONS).catch((reason: unknown) => reason)
  if (!(error instanceof FindingError)) throw new Error('nothing was found')
  return error.message
}

describe('a run of the live fuzzer', () => {
  it('ends with a finding when the process ends by itself', async () => {
    const message = await findingOf(
      targetWith((value, state) => {
        if (value === 500) state.end = 'exit code 1'
      }),
    )
    expect(message).toMatch(
      /^numbers ended by itself with exit code 1 \(seed 7, cases \d+ to \d+\)/,
    )
  })

  it('names the one case that keeps the loop each time, and its place puts it again alone', async () => {
    const slow = (): FuzzTarget<NumberCase> =>
      targetWith((value, state) => {
        if (value === 500) state.stallCpuMs = 400
      })
    const message = await findingOf(slow())
    expect(message).toContain('numbers was kept for 400 ms each time')
    const [, index] = /--seed 7 --index (\d+): 500$/.exec(message) ?? []
    await expect(runLive(slow(), { ...OPTIONS, index: Number(index) })).rejects.toThrow(
      'was kept for 400 ms each time',
    )
  })

  it('names the one case that throws where nothing may, although the process lives on', async () => {
    const message = await findingOf(
      targetWith((value, state) => {
        if (value === 500) state.faults += 1
      }),
    )
    expect(message).toMatch(/^a fault was counted\nwith number, --seed 7 --index \d+: 500$/)
  })

  it('counts what kept the loop once and not again, and goes on', async () => {
    let isFirst = true
    const report = await runLive(
      targetWith((value, state) => {
        if (value !== 500 || !isFirst) return
        isFirst = false
        state.stallCpuMs = 400
      }),
      OPTIONS,
    )
    expect(report).toMatchObject({ cases: 20_000, unrepeatedStalls: 1, worstStallMs: 400 })
  })

  it('ends with a finding when the process holds more and more', async () => {
    const message = await findingOf(
      targetWith((_value, state) => {
        state.heldBytes += MEGABYTE / 16
      }),
    )
    expect(message).toMatch(/^numbers holds \d+ bytes more than at the beginning, seed 7/)
  })
})
