/**
 * That a caller went away before its answer, from Node's response itself: a controller and a signal
 * of the platform for each request cost more than what is asked of them.
 */
import type { ServerResponse } from 'node:http'
import type { GivenUp } from '#libs/retry/given-up.ts'

/** To be asked before the answer is written: a response that is done is closed too. */
export const callerGone = (response: ServerResponse): GivenUp => ({
  get aborted() {
    return response.destroyed && !response.writableFinished
  },
  addEventListener: (_type, listener) => void response.on('close', listener),
  removeEventListener: (_type, listener) => void response.off('close', listener),
})
