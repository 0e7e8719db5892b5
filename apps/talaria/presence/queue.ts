/**
 * Jobs that must be done whatever happens to NATS: so many at once, those of one key one after the
 * other, and one that failed again later. All of them share one pause and no job has a timer.
 */
import type { Nats } from '#libs/nats/connection/connect.ts'
import { createBackoff } from '#libs/retry/backoff.ts'
import { wait } from '#libs/retry/wait.ts'

/** How many are under way: it fills the line to NATS, and bounds what a server that stalls holds. */
const ACTIVE_MAX = 256

/** The pause after a failure. A cluster that elects a leader is ready again in 1 to 4 s. */
const BACKOFF = { firstMs: 100, maxMs: 2_000 }

/** What is to be done. */
export interface Job {
  readonly key: string
  /** Resolves when it is done; when it rejects, it is called again later. */
  run(): Promise<void>
}

/** What {@link Queue} needs. */
export interface QueueOptions {
  nats: Nats
  onLength: (length: number) => void
  onFailed: (error: unknown) => void
}

/** The jobs. */
export class Queue {
  readonly #options: QueueOptions
  readonly #unlisten: () => void
  /** Those of one key, the first of which is ready or under way. */
  readonly #chains = new Map<string, Job[]>()
  readonly #ready = new Set<Job>()
  readonly #begun = new WeakSet<Job>()
  readonly #backoff = createBackoff(BACKOFF)
  readonly #ending = new AbortController()
  #onEmpty: (() => void) | undefined
  #activeCount = 0
  #length = 0
  #isPaused = false

  constructor(options: QueueOptions) {
    this.#options = options
    this.#unlisten = options.nats.onConnectedChange((isConnected) => {
      if (isConnected) this.#pump()
    })
  }

  /** How many are not done. */
  get length(): number {
    return this.#length
  }

  add(job: Job): void {
    const chain = this.#chains.get(job.key)
    if (chain) chain.push(job)
    else {
      this.#chains.set(job.key, [job])
      this.#ready.add(job)
    }
    this.#change(1)
    this.#pump()
  }

  /** Takes a job back that has not begun; false when it has. */
  withdraw(job: Job): boolean {
    if (this.#begun.has(job)) return false
    this.#remove(job)
    return true
  }

  /** Whether anything is to be done for the key. */
  has(key: string): boolean {
    return this.#chains.has(key)
  }

  /** Resolves when all is done, NATS is away or `waitMs` have passed. Nothing is begun afterwards. */
  async settle(waitMs: number): Promise<void> {
    const { nats } = this.#options
    const timer = new AbortController()
    const { promise: isDone, resolve } = Promise.withResolvers<void>()
    this.#onEmpty = resolve
    const unlisten = nats.onConnectedChange(() => resolve())
    if (this.#length > 0 && nats.isConnected) {
      await Promise.race([isDone, wait(waitMs, timer.signal)])
    }
    unlisten()
    timer.abort()
    this.#ending.abort()
    this.#unlisten()
  }

  #pump(): void {
    for (const job of this.#ready) {
      if (this.#isPaused || this.#activeCount >= ACTIVE_MAX) return
      if (!this.#options.nats.isConnected || this.#ending.signal.aborted) return
      this.#ready.delete(job)
      this.#activeCount += 1
      this.#begun.add(job)
      void this.#run(job)
    }
  }

  async #run(job: Job): Promise<void> {
    try {
      await job.run()
      this.#backoff.reset()
      this.#remove(job)
    } catch (error) {
      this.#options.onFailed(error)
      this.#ready.add(job)
      void this.#pause()
    }
    this.#activeCount -= 1
    this.#pump()
  }

  #remove(job: Job): void {
    const chain = this.#chains.get(job.key) ?? []
    const wasFirst = chain[0] === job
    chain.splice(chain.indexOf(job), 1)
    this.#ready.delete(job)
    const [next] = chain
    if (!next) this.#chains.delete(job.key)
    else if (wasFirst) this.#ready.add(next)
    this.#change(-1)
  }

  async #pause(): Promise<void> {
    if (this.#isPaused) return
    this.#isPaused = true
    await wait(this.#backoff.nextMs(), this.#ending.signal)
    this.#isPaused = false
    this.#pump()
  }

  #change(by: number): void {
    this.#length += by
    this.#options.onLength(this.#length)
    if (this.#length === 0) this.#onEmpty?.()
  }
}
