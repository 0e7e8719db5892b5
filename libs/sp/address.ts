/** Addresses of pipelines: `tcp://127.0.0.1:6666`. */

/** The text is no address of a pipeline over TCP. */
export class SpAddressError extends Error {
  readonly code = 'SP_ADDRESS_INVALID'
  override readonly name = 'SpAddressError'
}

/** Host and port of an address. @throws {SpAddressError} */
export function parseAddress(text: string): { host: string; port: number } {
  const [, host, port = ''] = text.match(/^tcp:\/\/(\[[0-9a-fA-F:]+\]|[^:/[\]]+):(\d{1,5})$/) ?? []
  if (!host || Number(port) > 65_535) {
    throw new SpAddressError(`"${text.slice(0, 100)}" is no address such as tcp://127.0.0.1:6666`)
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
}

/** The address as text. */
export const formatAddress = (host: string, port: number): string =>
  `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
