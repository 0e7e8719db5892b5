/** The msgpack form of a message, in and out: what is on every websocket and every subject. */
export { decode, hasInvalidUtf8 } from './decode.ts'
export { encode } from './encode.ts'
