/**
 * Feeds libs/wrp with what no honest device sends: vectors (msgpack, JSON) with bytes changed, cut,
 * doubled and joined, bytes at random, and all of these as the values of headers. Only a message or
 * a WrpError may come out, and what comes out must be readable again.
 */
import { decode, encode } from '#libs/wrp/codec.ts'
import { WrpError } from '#libs/wrp/error.ts'
import { fromHeaders, toHeaders } from '#libs/wrp/headers.ts'
import { fromJson, toJson } from '#libs/wrp/json.ts'
import { eventTypeOf, parseDeviceId, parseLocator } from '#libs/wrp/locator.ts'
import { stamp } from '#libs/wrp/stamp.ts'
import { validate } from '#libs/wrp/validate.ts'
import { createRandom } from '#loadtest/random.ts'
import { loadVectors, mutatedVector } from './cases/vectors.ts'

/** A case that takes longer has found a hole. */
const HANG_MS = 100

/** What a run was told. */
export interface FuzzOptions {
  seed: number
  /** Ends after so many cases, or after so long, whichever comes first. */
  casesMax: number
  durationMs: number
  onProgress?: (result: FuzzResult) => void
}

/** What a run found. */
export interface FuzzResult {
  cases: number
  /** How many made a message; the rest made a WrpError. */
  accepted: number
  slowestMs: number
  /** Cases over {@link HANG_MS} by the clock that were not when repeated: the machine was busy. */
  stalls: number
  /** Objects and buffers. */
  heapBytes: number
  /** All memory of the process, buffers included. */
  residentBytes: number
}

/** A case that did what none may. The message has the seed's case as hex. */
class FuzzError extends Error {
  override readonly name = 'FuzzError'
}

/** `{`. */
const JSON_BEGIN = 0x7b

/** Headers whose values are more than text. */
const HEADERS = [
  'Xmidt-Wrp',
  'X-Xmidt-Metadata',
  'X-Midt-Metadata',
  'X-Xmidt-Partner-Id',
  'X-Xmidt-Headers',
  'X-Xmidt-Span',
  'X-Xmidt-Status',
  'X-Xmidt-Include-Spans',
]

/** How many cases between two looks at the clock and the memory. */
const ROUND = 5_000

/** Runs cases. @throws {FuzzError} at the first that crashes, hangs or cannot be read again. */
export function fuzzWrp({ seed, casesMax, durationMs, onProgress }: FuzzOptions): FuzzResult {
  const random = createRandom(seed)
  const vectors = loadVectors()
  const until = performance.now() + durationMs
  const result: FuzzResult = {
    cases: 0,
    accepted: 0,
    slowestMs: 0,
    stalls: 0,
    heapBytes: 0,
    residentBytes: 0,
  }
  while (result.cases < casesMax) {
    const bytes = mutatedVector(vectors, random)
    // Drawn before the run, so that a case that is repeated takes the same way and a seed repeats all.
    const isThorough = random(4) === 0
    const startedAt = performance.now()
    if (runCase(bytes, isThorough)) result.accepted += 1
    const tookMs = performance.now() - startedAt
    if (tookMs > HANG_MS) {
      result.stalls += 1
      if (isSlow(bytes, isThorough)) throw failure(bytes, `took over ${HANG_MS} ms each time`)
    }
    result.slowestMs = Math.max(result.slowestMs, tookMs)
    result.cases += 1
    if (result.cases % ROUND !== 0) continue
    // With `node --expose-gc` only what is kept counts, so that growth is seen at once.
    globalThis.gc?.()
    const memory = process.memoryUsage()
    result.heapBytes = memory.heapUsed + memory.external
    result.residentBytes = memory.rss
    onProgress?.(result)
    if (performance.now() > until) break
  }
  return result
}

/** A pause of the machine or its garbage collector comes once; a hang comes every time. */
function isSlow(bytes: Uint8Array, isThorough: boolean): boolean {
  for (let count = 0; count < 3; count += 1) {
    const startedAt = performance.now()
    runCase(bytes, isThorough)
    if (performance.now() - startedAt <= HANG_MS) return false
  }
  return true
}

/** Whether the bytes made a message. @throws {FuzzError} */
function runCase(bytes: Uint8Array, isThorough: boolean): boolean {
  try {
    if (isThorough) refusable(() => fromHeaders(hostileHeaders(bytes), bytes))
    // What begins as JSON is read as that; as msgpack it would be a number and refused at once.
    const message = bytes[0] === JSON_BEGIN ? fromJson(textOf(bytes)) : decode(bytes)
    decode(encode(message))
    if (!isThorough) return true
    // The other forms cost more and are reached from here: every fourth case goes through them.
    refusable(() => validate(message))
    refusable(() => parseLocator(message.source ?? ''))
    refusable(() => parseDeviceId(message.dest ?? ''))
    eventTypeOf(message.dest ?? '')
    fromJson(toJson(message))
    const { headers, body } = toHeaders(message)
    refusable(() => fromHeaders(headers, body))
    refusable(() => stamp(bytes, { partnerIds: ['p'], sessionId: 's', metadata: { '/t': 'now' } }))
    return true
  } catch (error) {
    if (error instanceof WrpError) return false
    throw failure(bytes, String(error))
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** The bytes as the value of each header that is taken apart, without what ends a header line. */
function hostileHeaders(bytes: Uint8Array): Headers {
  const value = Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[\u0000-\u001f\u007f]/g, ',')
  const headers = new Headers({ 'X-Xmidt-Message-Type': '4' })
  const name = HEADERS[value.length % HEADERS.length] ?? 'Xmidt-Wrp'
  headers.append(name, value)
  return headers
}

function refusable(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof WrpError)) throw error
  }
}

const failure = (bytes: Uint8Array, what: string): FuzzError =>
  new FuzzError(`${what} with ${Buffer.from(bytes).toString('hex')}`)
