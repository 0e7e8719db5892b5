/** The msgpack form of a message, in and out: what is on every websocket and every subject. */
export { decode, hasInvalidUtf8 } from './msgpack/decode.ts'
export { encode } from './msgpack/encode.ts'
