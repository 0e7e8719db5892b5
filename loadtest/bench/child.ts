/** A part of a measurement as a process of its own, so that its time is counted for itself. */
import { fork } from 'node:child_process'
import { once } from 'node:events'

/** How long one answer may take: 10,000 connections on a loaded machine. */
const ANSWER_MS = 120_000

/** A running part. Disposing it kills it. */
export interface Child extends AsyncDisposable {
  readonly pid: number
  /** Sends one order and resolves with what the part answers. Orders are one after the other. */
  ask<T>(order: object): Promise<T>
}

/** Starts `file` of this repository. The part answers each message by one message. */
export function startChild(file: string): Child {
  const child = fork(file, { execArgv: [], serialization: 'json' })
  const exited = once(child, 'exit')
  return {
    pid: child.pid ?? 0,
    async ask<T>(order: object): Promise<T> {
      child.send(order)
      const signal = AbortSignal.timeout(ANSWER_MS)
      const ended = exited.then(() => {
        throw new Error(`${file} ended before it answered`)
      })
      const [answer] = (await Promise.race([once(child, 'message', { signal }), ended])) as [T]
      return answer
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await exited
    },
  }
}

/** The other side, called in the part: `answer` makes an answer of each order. */
export function answerOrders(answer: (order: never) => unknown): void {
  process.on('message', (order) => {
    void Promise.resolve(answer(order as never)).then((answer) => process.send?.(answer ?? {}))
  })
}
