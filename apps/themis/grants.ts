/**
 * For which devices and partners a credential gets a token, and how far its devices are trusted. What
 * a request says of its device is only what it says: the credential decides whether it may say so.
 */
import { z } from 'zod'
import { covers, PATTERN_LENGTH_MAX } from '#libs/auth/wildcard.ts'
import { secret } from '#libs/config/fields.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import type { ClientCertificate } from '#libs/http/tls.ts'

/** A credential for more kinds of devices than this is better several. */
const PATTERNS_MAX = 1_000

/** As upstream's for a certificate that is trusted. */
const TRUST_MAX = 1_000

const pattern = z.string().min(1).max(PATTERN_LENGTH_MAX)

/** As the id is written, so that a MAC address may be given in any of its forms. */
const devicePattern = pattern
  .regex(/^(\*|(mac|serial|uuid):.+)/i, 'must be * or begin with mac:, serial: or uuid:')
  .transform((text) => {
    const [, scheme = '', rest = ''] = text.match(/^([a-z]+:)(.*)$/is) ?? ['', '', text]
    const isMac = scheme.toLowerCase() === 'mac:'
    return scheme.toLowerCase() + (isMac ? rest.toLowerCase().replaceAll(/[:\-.,]/g, '') : rest)
  })

const grant = z.strictObject({
  /** Ids that it covers, each exact or with `*`. */
  devices: z.array(devicePattern).min(1).max(PATTERNS_MAX),
  /** Partners alike. A device that names none gets the first that has no `*`. */
  partners: z.array(pattern).min(1).max(PATTERNS_MAX),
  /** The claim `trust` of its devices. */
  trust: z.int().min(0).max(TRUST_MAX).default(TRUST_MAX),
})

/** What one credential may. */
export type Grant = z.infer<typeof grant>

/** By the user of the credential, or the common name of the certificate. */
export type Grants = ReadonlyMap<string, Grant>

const grantsSchema = z.record(z.string().min(1), grant)

/** The variable, JSON: `{"user": {"devices": ["mac:1122*"], "partners": ["comcast"], "trust": 1000}}`. */
export function grantsField(about: string) {
  return secret(about, '{}')
    .transform((text, context): Grants => {
      const refuse = (message: string): typeof z.NEVER => {
        context.addIssue({ code: 'custom', message })
        return z.NEVER
      }
      const parsed = grantsSchema.safeParse(parseJson(text))
      if (parsed.success) return new Map(Object.entries(parsed.data))
      const { path, message } = parsed.error.issues[0] ?? { path: [], message: '' }
      return refuse(`must be JSON of grants: ${[...path, message].join(' ')}`)
    })
    .meta({ description: about, kind: 'JSON', isSecret: true })
}

/** Undefined for what is none; its words stay out of errors, as it may be a password put there by mistake. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The grant of a credential that has none of its own: everything, and no more trust than is set. */
export const sharedGrant = (trust: number): Grant => ({ devices: ['*'], partners: ['*'], trust })

/**
 * The grant of a client certificate: the one for its common name, exact before any pattern, and among
 * patterns the first; else, where the name is a device's id, that device alone, for the certificate's
 * organizations or, where it names none, the default partner. Undefined when it is for no device.
 */
export function grantOfCertificate(
  { commonName, organizations }: ClientCertificate,
  { grants, partnerDefault }: { grants: Grants; partnerDefault: string },
): Grant | undefined {
  const own = grants.get(commonName)
  if (own) return own
  for (const [name, grant] of grants) if (covers(name, commonName)) return grant
  const device = deviceOf(commonName)
  if (device === undefined) return undefined
  const partners = organizations.length > 0 ? [...organizations] : [partnerDefault]
  // A `*` that an authority let pass in a name must not become a pattern.
  if (device.includes('*') || partners.some((partner) => partner.includes('*'))) return undefined
  return { devices: [device], partners, trust: TRUST_MAX }
}

function deviceOf(name: string): DeviceId | undefined {
  try {
    return parseDeviceId(name)
  } catch {
    return undefined
  }
}

/** Whether it is for every device that there may be, so that whoever has it can be any of them. */
export const isShared = ({ devices }: Grant): boolean =>
  devices.some((each) => /^([a-z]+:)?\*+$/.test(each))

/** Whether it covers the device. */
export const grantsDevice = ({ devices }: Grant, device: DeviceId): boolean =>
  devices.some((each) => covers(each, device))

/** Whether it covers the partner. */
export const grantsPartner = ({ partners }: Grant, partner: string): boolean =>
  partners.some((each) => covers(each, partner))

/** The partner of a device that names none. */
export const partnerDefaultOf = ({ partners }: Grant, otherwise: string): string =>
  partners.find((each) => !each.includes('*')) ?? otherwise
