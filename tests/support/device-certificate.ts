/** Certificates of devices, as an authority would give them that knows the devices of a maker. */
import { randomBytes, webcrypto } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import type { Pair } from '#apps/xmidt/secrets/certificates.ts'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const HOUR_MS = 3_600_000

/**
 * A certificate and its key.
 * @param subject such as `CN=mac:112233445566,O=comcast`
 */
export async function makeDeviceCertificate(
  authority: Pair,
  subject: string,
  notAfter = new Date(Date.now() + HOUR_MS),
): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    subject,
    issuer: new x509.X509Certificate(authority.certificate).subject,
    notBefore: new Date(notAfter.getTime() - 2 * HOUR_MS),
    notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey(
      'pkcs8',
      x509.PemConverter.decodeFirst(authority.key),
      ALGORITHM,
      false,
      ['sign'],
    ),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  })
  const key = x509.PemConverter.encode(
    await webcrypto.subtle.exportKey('pkcs8', keys.privateKey),
    'PRIVATE KEY',
  )
  return { certificate: certificate.toString('pem'), key }
}
