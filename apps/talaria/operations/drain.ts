/** Closing devices on purpose, at a pace, one job at a time. talaria.md §6. */
import { EventEmitter } from 'node:events'
import { eachPaced, type Devices } from '#apps/talaria/session/devices.ts'
import { wait } from '#libs/retry/wait.ts'
import { createLeaving } from './leaving.ts'

/** Without a rate so many are closed at once, with a breath between. As upstream. */
const BATCH = 1_000
const BATCH_TICK_MS = 20

/** What a job was asked for. */
export interface DrainJob {
  count: number
  /** Devices per tick. */
  rate?: number
  tickMs?: number
}

/** How far a job is. */
export interface DrainProgress {
  visited: number
  drained: number
  started: string
  finished?: string
}

/** The drain. */
export interface Drain {
  readonly isActive: boolean
  readonly last: { job: DrainJob; progress: DrainProgress } | undefined
  /** Begins a job; false when one is running. */
  begin(job: DrainJob): boolean
  /** Ends the running job; false when none is. */
  cancel(): Promise<boolean>
  /** Lets all go, begun over `spreadMs`, as the process ends; resolves when none is left. */
  all(spreadMs: number): Promise<void>
  /** Calls `listener` when a job begins and when it is done. */
  onChange(listener: () => void): void
}

/** A drain of `devices`; each may take `leaveMs` to finish its commands, and then its events. */
export function createDrain(devices: Devices, leaveMs: number): Drain {
  const leaving = createLeaving(leaveMs)
  let running: { stop: AbortController; done: Promise<void> } | undefined
  let last: Drain['last']
  const changes = new EventEmitter()

  const run = async (
    job: DrainJob,
    progress: DrainProgress,
    signal: AbortSignal,
  ): Promise<void> => {
    while (!signal.aborted && progress.drained < job.count) {
      const sizeMax = Math.min(job.rate ?? BATCH, job.count - progress.drained)
      const staying = devices.all().filter(({ isLeaving }) => !isLeaving)
      const chosen = staying.slice(0, sizeMax)
      if (chosen.length === 0) break
      progress.visited += chosen.length
      for (const device of chosen) leaving.begin(device, 'drained')
      progress.drained += chosen.length
      await wait(job.tickMs ?? BATCH_TICK_MS, signal)
    }
    await leaving.done()
    progress.finished = new Date().toISOString()
    running = undefined
    changes.emit('change')
  }
  return {
    get isActive() {
      return running !== undefined
    },
    get last() {
      return last
    },
    begin(job) {
      if (running) return false
      const progress = { visited: 0, drained: 0, started: new Date().toISOString() }
      const stop = new AbortController()
      last = { job, progress }
      const done = Promise.resolve().then(() => run(job, progress, stop.signal))
      running = { stop, done }
      changes.emit('change')
      return true
    },
    async cancel() {
      if (!running) return false
      running.stop.abort()
      await running.done
      return true
    },
    async all(spreadMs) {
      await eachPaced(devices.all(), spreadMs, (device) => leaving.begin(device, 'shutdown'))
      await leaving.done()
    },
    onChange: (listener) => void changes.on('change', listener),
  }
}
