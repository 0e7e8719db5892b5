/** Whether whoever asked has given up, and who is told when it does: as much of an `AbortSignal` as is used. */

/** An `AbortSignal` is one. */
export interface GivenUp {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}
