/** Msgpack written by hand, so that it can lie: counts that are not there, texts that are no UTF-8. */

/** A head of the 32-bit form with a count of its own. */
function head(code: number, count: number): Buffer {
  const bytes = Buffer.alloc(5, code)
  bytes.writeUInt32BE(count >>> 0, 1)
  return bytes
}

/** The heads; what they announce is for the caller to add, or not. */
export const arrayHead = (count: number): Buffer => head(0xdd, count)
export const mapHead = (count: number): Buffer => head(0xdf, count)
export const textHead = (count: number): Buffer => head(0xdb, count)
export const binaryHead = (count: number): Buffer => head(0xc6, count)

/** Values. */
export const NIL = Buffer.of(0xc0)
export const text = (value: string | Buffer): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([textHead(bytes.length), bytes])
}
export const binary = (value: Uint8Array): Buffer =>
  Buffer.concat([binaryHead(value.length), value])
export const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(9, 0xd3)
  bytes.writeBigInt64BE(BigInt(value), 1)
  return bytes
}
export const array = (values: readonly Buffer[]): Buffer =>
  Buffer.concat([arrayHead(values.length), ...values])
export const map = (pairs: readonly (readonly [Buffer, Buffer])[]): Buffer =>
  Buffer.concat([mapHead(pairs.length), ...pairs.flat()])

/** `depth` arrays of one value, in each other. */
export const nestedArrays = (depth: number): Buffer =>
  Buffer.concat([Buffer.alloc(depth, 0x91), NIL])

/** `depth` maps of one pair, in each other. */
export const nestedMaps = (depth: number): Buffer =>
  Buffer.concat([Buffer.alloc(3 * depth, Buffer.of(0x81, 0xa1, 0x61)), NIL])
