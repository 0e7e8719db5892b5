/** Why a registration is not kept, where its sender can do something about it. */
export class RegisterError extends Error {
  override readonly name = 'RegisterError'
  readonly code:
    | 'TOO_MANY_WEBHOOKS'
    | 'OWNER_WEBHOOKS_MAX'
    | 'OWNER_INSTRUCTIONS_MAX'
    | 'CONSUMER_TAKEN'
    | 'ENTRY_UNREADABLE'
    | 'SECRET_UNSEALED'

  constructor(code: RegisterError['code'], message: string) {
    super(message)
    this.code = code
  }
}
