/** Texts that have broken programs: names of JavaScript's own, subjects' wildcards, no UTF-8, too long. */

type Random = (below: number) => number

/** As bytes, as some are no text at all. */
const HOSTILE: readonly Buffer[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e999',
  '9007199254740993',
  '99999999999999999999999999999999',
  '*',
  '>',
  '.',
  '..',
  'a.b.>',
  '$SYS.>',
  '$JS.API.>',
  '../../etc/passwd',
  '%',
  '%00',
  '%ff',
  '%E0%80',
  '[::1',
  '//',
  'javascript:alert(1)',
  '\u0000',
  '\r\nX: y',
  '\u001b[31m',
  '\u202e\u2066',
  '\ufeff',
  '\u{1f600}',
  'İ',
  'é'.normalize('NFD'),
]
  .map((each) => Buffer.from(each))
  .concat([
    Buffer.from([0xff, 0xfe]),
    Buffer.from([0xc3]),
    Buffer.from([0xed, 0xa0, 0x80]),
    Buffer.from([0xc0, 0x80]),
    Buffer.from([0xf4, 0x90, 0x80, 0x80]),
  ])

/** Limits of texts in the house (event types 64, tokens 200, names 256, locators and convey 512), and far over. */
const LENGTHS = [63, 64, 65, 199, 200, 201, 255, 256, 257, 511, 512, 513, 2_047, 2_049, 65_536]

/** One of them. */
export function hostileBytes(random: Random): Buffer {
  if (random(4) > 0) return HOSTILE[random(HOSTILE.length)] ?? Buffer.alloc(0)
  const length = LENGTHS[random(LENGTHS.length)] ?? 0
  return Buffer.alloc(length, ['a', 'é', '.', '/', '\u0000', '%', '('][random(7)])
}

/** The same as text; each byte is a character. */
export const hostileText = (random: Random): string => hostileBytes(random).toString('latin1')

/** `value`, or one time in `oneIn` a hostile text. */
export const maybeHostile = (value: string, random: Random, oneIn = 6): string =>
  random(oneIn) === 0 ? hostileText(random) : value
