/** A certificate authority of one deployment's own, and the certificates that it gives to servers. */
// The decorators of the library below need it, and say so at import when it is missing.
import 'reflect-metadata'
import { randomBytes, webcrypto, X509Certificate as Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'

/** P-256: small, quick to make, and every TLS library knows it. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

const DAY_MS = 24 * 3_600_000

/** As long as the deployment: to change it means to tell everybody the new one. */
const AUTHORITY_MS = 3_650 * DAY_MS

/** The longest that public authorities gave to servers; libraries refuse longer ones here and there. */
const SERVER_MS = 825 * DAY_MS

/** A certificate is made anew when it has less than this left. */
const RENEW_MS = 60 * DAY_MS

/** Clocks differ: it counts from a little before it was made. */
const BACKDATE_MS = 3_600_000

/** A certificate and its private key, PEM. */
export interface Pair {
  certificate: string
  key: string
}

/** A new authority. */
export async function makeAuthority(name: string, now = Date.now()): Promise<Pair> {
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}`,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + AUTHORITY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // It signs servers and no further authority.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) }
}

/**
 * A certificate for a server that is reached by `names` (the first is its own) and that shows the
 * same one where it is a client, as the servers of a cluster do to each other.
 */
export async function makeServerCertificate(
  authority: Pair,
  names: readonly string[],
  now = Date.now(),
): Promise<Pair> {
  const issuer = new x509.X509Certificate(authority.certificate)
  const keys = await makeKeys()
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${names[0] ?? ''}`,
    issuer: issuer.subject,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(now + SERVER_MS),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: /^[\d.]+$/.test(name) ? 'ip' : 'dns', value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: pem(certificate), key: await keyPem(keys.privateKey) }
}

/** Whether a certificate must be made anew: it ends soon, or another authority made it. */
export function isDue(certificate: string, authority: string, now = Date.now()): boolean {
  const found = new Certificate(certificate)
  return (
    found.validToDate.getTime() < now + RENEW_MS ||
    !found.verify(new Certificate(authority).publicKey)
  )
}

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

const pem = (certificate: x509.X509Certificate): string => `${certificate.toString('pem')}\n`

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key)
  return `${x509.PemConverter.encode(bytes, 'PRIVATE KEY')}\n`
}

const importKey = (text: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(text), ALGORITHM, false, [
    'sign',
  ])

/** Positive and of 16 bytes, as it shall not be guessed. */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}
