/** How the stream DEAD_LETTERS is divided. */

/** The stream's name. */
export const DEAD_LETTERS_STREAM = 'DEAD_LETTERS'

/**
 * Dead letters that are kept of one webhook: over it its own oldest goes, so that a webhook that
 * takes nothing pushes out nobody else's.
 */
export const DEAD_LETTERS_PER_WEBHOOK_MAX = 1_000
