/**
 * How large a message may be on its way through the fabric, encoded. One figure for all parts: what
 * one of them takes and the next does not would cost a connection. With its headers, and stamped,
 * such a message fits into one of NATS (1 MiB by default).
 */
export const MESSAGE_BYTES_DEFAULT = 1_000_000
