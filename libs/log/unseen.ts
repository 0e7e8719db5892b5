/**
 * Text that came from outside, made fit to be shown: a terminal takes control characters for orders
 * (colours, the title, what is typed next), and others turn the direction in which one reads.
 */

/** Controls, marks of format and direction, separators of lines and paragraphs, and tags. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{e0000}-\u{e0fff}]/gu

/** The same without line breaks and tabs. */
const UNSEEN_IN_LINES = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{e0000}-\u{e0fff}]/gu

/** Each such character as `\uXXXX`, also within JSON, which stays the same JSON by it. */
export const escapeUnseen = (text: string): string => text.replaceAll(UNSEEN, escaped)

/** The same for text of several lines. */
export const escapeUnseenInLines = (text: string): string =>
  text.replaceAll(UNSEEN_IN_LINES, escaped)

const escaped = (character: string): string =>
  character.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
