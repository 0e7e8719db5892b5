/** What a request shows for itself, and what it may get for that. */
import type { IncomingMessage } from 'node:http'
import { shownBy } from '#libs/http/tls.ts'
import type { ThemisConfig } from './config.ts'
import { grantOfCertificate, sharedGrant, type Grant } from './grants.ts'

/** It shows nothing that counts; `reason` is a metric's label. */
export class CredentialError extends Error {
  readonly code = 'CREDENTIAL_REFUSED'
  override readonly name = 'CredentialError'
  readonly reason: 'credential' | 'certificate'

  constructor(reason: CredentialError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/**
 * The grant of a request: of the password that it shows, else of its connection's certificate.
 * @param user who showed a password that is right; undefined for nobody.
 * @throws {CredentialError}
 */
export function grantOf(
  request: IncomingMessage,
  user: string | undefined,
  config: ThemisConfig,
): Grant {
  if (user !== undefined) {
    return config.THEMIS_DEVICE_GRANTS.get(user) ?? sharedGrant(config.THEMIS_TRUST)
  }
  const shown = shownBy(request.socket)
  if (shown.outcome === 'verified') {
    const { THEMIS_CERTIFICATE_GRANTS: grants, THEMIS_PARTNER_DEFAULT: partnerDefault } = config
    const grant = grantOfCertificate(shown.certificate, { grants, partnerDefault })
    if (grant) return grant
    throw new CredentialError('certificate', 'the certificate is for no device')
  }
  if (shown.outcome === 'refused') {
    throw new CredentialError('certificate', `the certificate is refused: ${shown.why}`)
  }
  // With THEMIS_OPEN a caller may show nothing, so nothing is known of it.
  if (config.THEMIS_OPEN) return sharedGrant(0)
  throw new CredentialError('credential', 'a credential is required')
}
