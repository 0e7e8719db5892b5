/**
 * TLS on a port of ours, and the certificates that its clients show. They are asked for and not
 * required: what a client without one may do is the app's to say.
 */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { TLSSocket, type PeerCertificate } from 'node:tls'
import { ConfigError } from '#libs/config/load.ts'

/** What a port needs for TLS. All PEM. */
export interface ServerTls {
  certificate: Buffer
  key: Buffer
  /** Who signs the certificates of clients; without it none is asked for. */
  clientAuthority?: Buffer
}

/** A certificate whose chain, dates and key were checked in the handshake. */
export interface ClientCertificate {
  /** Its subject's common name. */
  commonName: string
  /** Its subject's organizations. */
  organizations: readonly string[]
}

/** What a client showed. */
export type Shown =
  | { outcome: 'none' }
  | { outcome: 'refused'; why: string }
  | { outcome: 'verified'; certificate: ClientCertificate }

/** Reads the files; undefined when no certificate is named. @throws {ConfigError} that names the file. */
export function readServerTls(files: {
  certificate: string
  key: string
  clientAuthority: string
}): ServerTls | undefined {
  if (files.certificate === '') return undefined
  return {
    certificate: read(files.certificate),
    key: read(files.key),
    ...(files.clientAuthority === '' ? {} : { clientAuthority: read(files.clientAuthority) }),
  }
}

/** The certificate of whoever is at the other end of a connection; none when that is gone. */
export function shownBy(socket: Socket): Shown {
  if (!(socket instanceof TLSSocket)) return { outcome: 'none' }
  // Whatever its type says: null once the connection is gone, an empty object without a certificate.
  const shown = socket.getPeerCertificate() as Partial<PeerCertificate> | null
  const subject = shown?.subject
  if (!subject) return { outcome: 'none' }
  if (!socket.authorized) {
    return { outcome: 'refused', why: String(socket.authorizationError) }
  }
  const [commonName, ...others] = textsOf(subject.CN)
  if (commonName === undefined || others.length > 0) {
    return { outcome: 'refused', why: 'it has not exactly one common name' }
  }
  return {
    outcome: 'verified',
    certificate: { commonName, organizations: textsOf(subject.O) },
  }
}

/** An attribute that is there several times is a list, whatever its type says. */
const textsOf = (attribute: string | string[] | undefined): string[] =>
  attribute === undefined ? [] : [attribute].flat()

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new ConfigError(`${file} cannot be read: ${(error as Error).message}`)
  }
}
