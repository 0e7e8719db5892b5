/** What a person did or has that keeps a command from working: told in words, never as a trace. */

/** A failure that the user can do something about. `message` says what and how. */
export class UserError extends Error {
  readonly code = 'USER_ERROR'
  override readonly name = 'UserError'
}

/** The text for a terminal: ours say what to do; anything else is a fault of the program. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // What fetch and others wrap says more than their own message.
  const why = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return 'code' in error ? error.message : `${error.name}: ${error.message}${why}`
}
