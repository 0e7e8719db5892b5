/** WRP's vectors (msgpack, JSON) with bytes changed, cut, doubled and joined, and bytes at random. */
import { readFileSync } from 'node:fs'

/** Bytes of a case made at random. */
const RANDOM_BYTES_MAX = 256

/** Heads of msgpack values that claim much: what a mutation puts where it hurts. */
const HOSTILE = [0xc1, 0xc6, 0xc9, 0xcb, 0xcf, 0xd3, 0xdb, 0xdd, 0xdf, 0xff, 0x00, 0x80, 0x90, 0xa0]

type Random = (below: number) => number

/** All vectors, also those that are no messages. */
export function loadVectors(): Uint8Array[] {
  const vectors: Uint8Array[] = []
  for (const name of ['wrp-vectors', 'wrp-malformed']) {
    const file = new URL(`../../../libs/wrp/vectors/${name}.json`, import.meta.url)
    for (const { hex } of JSON.parse(readFileSync(file, 'utf8')) as { hex: string }[]) {
      vectors.push(new Uint8Array(Buffer.from(hex, 'hex')))
    }
  }
  const file = new URL('../../../libs/wrp/vectors/wrp-json.json', import.meta.url)
  const { encode: written, decode: read } = JSON.parse(readFileSync(file, 'utf8')) as {
    encode: { json_v3: string }[]
    decode: { json: string }[]
  }
  const texts = [...written.map(({ json_v3 }) => json_v3), ...read.map(({ json }) => json)]
  return [...vectors, ...texts.map((text) => new Uint8Array(Buffer.from(text)))]
}

/** One of them, changed; one in eight is random bytes. */
export function mutatedVector(vectors: readonly Uint8Array[], random: Random): Uint8Array {
  if (random(8) === 0)
    return Uint8Array.from({ length: random(RANDOM_BYTES_MAX) }, () => random(256))
  return mutated(pick(vectors, random), () => pick(vectors, random), random)
}

/** `bytes` with a few changed, and then cut, doubled or joined with `other`, or as they are. */
export function mutated(bytes: Uint8Array, other: () => Uint8Array, random: Random): Uint8Array {
  const copy = Buffer.from(bytes)
  for (let count = random(4); count >= 0 && copy.length > 0; count -= 1) {
    const at = random(copy.length)
    copy[at] = random(2) === 0 ? random(256) : (HOSTILE[random(HOSTILE.length)] ?? 0)
  }
  switch (random(6)) {
    case 0:
      return copy.subarray(0, random(copy.length + 1))
    case 1:
      return Buffer.concat([copy, other()])
    case 2: {
      const at = random(copy.length + 1)
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at / 2), copy.subarray(at)])
    }
    default:
      return copy
  }
}

const pick = (vectors: readonly Uint8Array[], random: Random): Uint8Array =>
  vectors[random(vectors.length)] ?? new Uint8Array()
