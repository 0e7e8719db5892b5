/**
 * Messages that are built to hurt: deep, wide, with counts that lie, at each limit and one beside it,
 * texts that are no UTF-8, and spans and metadata that grow when they are stamped.
 */
import { ENTRIES_MAX, PAIRS_MAX, PASSED_OVER_MAX } from '#libs/wrp/entries.ts'
import { FIELDS } from '#libs/wrp/fields.ts'
import { MESSAGE_BYTES_DEFAULT } from '#libs/wrp/message-size.ts'
import * as pack from './msgpack.ts'
import { hostileBytes } from './texts.ts'

type Random = (below: number) => number
type Pair = readonly [Buffer, Buffer]

/** What a message is about; each may be hostile itself. */
export interface MessageSubject {
  type: number
  source: string
  dest: string
  transaction: string
}

const pair = (name: string, value: Buffer): Pair => [pack.text(name), value]

/** A limit, and what is beside it. */
const around = (limit: number, random: Random): number => limit - 1 + random(3)

const choose = <T>(random: Random, ...values: readonly [T, ...T[]]): T =>
  values[random(values.length)] ?? values[0]

/** A way to hurt: the pairs beside those that say what the message is about. */
type Way = (random: Random) => Pair[]

const deepUnknown: Way = (random) => {
  const depth = choose(random, 10, 1_000, PASSED_OVER_MAX - 1, PASSED_OVER_MAX + 1, 200_000)
  const nested = random(2) === 0 ? pack.nestedArrays : pack.nestedMaps
  return [pair('unknown', nested(depth))]
}

const deepest: Way = () => [pair('unknown', pack.nestedArrays(990_000))]

const wideUnknown: Way = (random) => {
  const count = choose(random, around(PASSED_OVER_MAX, random), 900_000)
  return [pair('unknown', Buffer.concat([pack.arrayHead(count), Buffer.alloc(count, 0xc0)]))]
}

const manyPairs: Way = (random) => {
  const count = choose(random, around(PAIRS_MAX - 4, random), 4_000)
  return Array.from({ length: count }, (_, at) => pair(`k${at}`, pack.NIL))
}

const manyEntries: Way = (random) => {
  const count = choose(random, around(ENTRIES_MAX, random), around(ENTRIES_MAX / 3, random), 4_000)
  const values = (value: (at: number) => Buffer): Buffer =>
    pack.array(Array.from({ length: count }, (_, at) => value(at)))
  const short = pack.text('a')
  const which = random(4)
  if (which === 0)
    return [
      pair(
        'headers',
        values(() => short),
      ),
    ]
  if (which === 1)
    return [
      pair(
        'partner_ids',
        values((at) => pack.text(`p${at}`)),
      ),
    ]
  if (which === 2)
    return [
      pair(
        'spans',
        values(() => pack.array([short, short, short])),
      ),
    ]
  const entries = Array.from({ length: count }, (_, at): Pair => [pack.text(`/${at}`), short])
  return [pair('metadata', pack.map(entries))]
}

const hugeCount: Way = (random) => {
  const [name] = FIELDS[random(FIELDS.length)] ?? FIELDS[0]
  const head = choose(random, pack.arrayHead, pack.mapHead, pack.textHead, pack.binaryHead)
  return [pair(name, head(choose(random, 0xffff_ffff, 0x7fff_ffff, 1_000_000, 513)))]
}

const atSize: Way = (random) => {
  const size = choose(random, around(MESSAGE_BYTES_DEFAULT, random), around(65_536, random), 16_384)
  // What the other fields take is not known here: some sizes below the limit, so that each is met.
  return [pair('payload', pack.binary(Buffer.alloc(size - random(2) * random(400), 0x7a)))]
}

/** A number in a span is read as a text: one byte (-32) becomes four. */
const growing: Way = (random) => {
  if (random(2) === 0) {
    const count = choose(random, 330_000, 900_000, around(ENTRIES_MAX, random))
    const numbers = Buffer.concat([pack.arrayHead(count), Buffer.alloc(count, 0xe0)])
    return [pair('spans', pack.array([numbers]))]
  }
  const spans = Array.from({ length: ENTRIES_MAX / 3 - random(8) }, () =>
    pack.array([
      pack.text(Buffer.alloc(random(3_000), 0x01)),
      pack.text('1700000000'),
      pack.text(Buffer.alloc(random(2_000), 0x22)),
    ]),
  )
  return [pair('include_spans', Buffer.of(0xc3)), pair('spans', pack.array(spans))]
}

const badTexts: Way = (random) =>
  ['source', 'dest', 'transaction_uuid', 'content_type', 'accept', 'session_id', 'path']
    .filter(() => random(3) === 0)
    .map((name): Pair => pair(name, pack.text(hostileBytes(random))))
    .concat([
      pair(
        'metadata',
        pack.map([[pack.text(hostileBytes(random)), pack.text(hostileBytes(random))]]),
      ),
      pair('headers', pack.array([pack.text(hostileBytes(random)), pack.text('traceparent: 00-')])),
      pair('partner_ids', pack.array([pack.text(hostileBytes(random))])),
    ])

const wrongKinds: Way = (random) =>
  Array.from({ length: 1 + random(5) }, () => {
    const [name] = FIELDS[random(FIELDS.length)] ?? FIELDS[0]
    return pair(
      name,
      choose(
        random,
        pack.NIL,
        pack.integer(choose(random, -1, 0, 2 ** 31, Number.MAX_SAFE_INTEGER, 99)),
        pack.text(hostileBytes(random)),
        pack.binary(hostileBytes(random)),
        pack.array([pack.NIL]),
        pack.map([[pack.NIL, pack.NIL]]),
        Buffer.of(0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0),
        Buffer.of(0xc1),
        Buffer.of(0xc7, 0xff, 0x01),
      ),
    )
  })

const twice: Way = (random) => [
  pair('msg_type', pack.integer(random(12))),
  pair('metadata', pack.map([])),
  pair('metadata', pack.map([[pack.text('__proto__'), pack.text('x')]])),
  pair('qos', pack.integer(choose(random, 0, 24, 25, 74, 75, 99, 100, -1))),
]

/** The large ones stand once, the small ones more often: most of a run's time must not be theirs. */
const WAYS: readonly Way[] = [badTexts, badTexts, wrongKinds, wrongKinds, twice, hugeCount]
const LARGE: readonly Way[] = [
  deepUnknown,
  deepest,
  wideUnknown,
  manyPairs,
  manyEntries,
  atSize,
  growing,
]

/** One in so many is large: each costs as much as a hundred others. */
const ONE_LARGE_IN = 192

/** A message that is built to hurt; one in `oneLargeIn` is large. */
export function hostileMessage(
  subject: MessageSubject,
  random: Random,
  oneLargeIn = ONE_LARGE_IN,
): Uint8Array {
  const ways = random(oneLargeIn) === 0 ? LARGE : WAYS
  const way = ways[random(ways.length)] ?? badTexts
  const pairs: Pair[] = [
    pair('msg_type', pack.integer(subject.type)),
    pair('source', pack.text(subject.source)),
    pair('dest', pack.text(subject.dest)),
    pair('transaction_uuid', pack.text(subject.transaction)),
    pair('qos', pack.integer(random(100))),
    ...way(random),
  ]
  return pack.map(pairs)
}
