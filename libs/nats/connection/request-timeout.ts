/**
 * How long JetStream may take for one request about a stream, a consumer or an entry. What is sent
 * while a cluster elects a leader is lost: the client's own 5 s would be waited for in vain, and
 * whoever asks tries again anyway.
 */
export const REQUEST_MS = 2_000
