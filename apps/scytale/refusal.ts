/** A request that ends before anything is sent to a device: what the caller is told and what is counted. */
import type { RefusalReason } from './metrics.ts'

/** Thrown anywhere on a request's way; the API turns it into the answer. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code = 'REQUEST_REFUSED'
  /** HTTP status. */
  readonly status: number
  readonly reason: RefusalReason
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    reason: RefusalReason,
    message: string,
    { headers = {}, cause }: { headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.status = status
    this.reason = reason
    this.headers = headers
  }
}
