/** Why what somebody posted is no registration. Its texts begin as upstream's do. */

/** A registration is none; `message` is fit for whoever sent it. */
export class RegistrationError extends Error {
  override readonly name = 'RegistrationError'
  readonly code: 'REGISTRATION_MALFORMED' | 'REGISTRATION_INVALID'

  constructor(code: RegistrationError['code'], message: string) {
    const stage =
      code === 'REGISTRATION_MALFORMED' ? 'to JSON unmarshal webhook' : 'webhook validation'
    super(`failed ${stage}: ${message}`)
    this.code = code
  }
}

/** A refusal that names the field. */
export const invalid = (message: string): RegistrationError =>
  new RegistrationError('REGISTRATION_INVALID', message)
