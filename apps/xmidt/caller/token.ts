/** `xmidt token`: a JWT as callers and devices get it, from the running Themis. */
import { basicAuthorization, readAccess } from '#apps/xmidt/access.ts'
import { UserError } from '#apps/xmidt/failure.ts'
import { parseDeviceId } from '#libs/wrp/locator.ts'

/** How long Themis may take: it signs in a millisecond. */
const THEMIS_MS = 5_000

/** Prints the bare token, so that it can stand in `$(…)`. @throws {UserError} */
export async function token(options: { device?: string; directory: string }): Promise<void> {
  const access = readAccess(options.directory)
  const jwt = options.device
    ? await issue(access.themisUrl, access.device, deviceHeaders(options.device))
    : await issue(access.themisUrl, access.caller, {})
  process.stdout.write(`${jwt}\n`)
}

async function issue(
  themisUrl: string,
  credential: string,
  headers: Record<string, string>,
): Promise<string> {
  const response = await fetch(`${themisUrl}/issue`, {
    headers: { ...headers, authorization: basicAuthorization(credential) },
    signal: AbortSignal.timeout(THEMIS_MS),
  }).catch((error: unknown) => {
    throw new UserError(`Themis at ${themisUrl} does not answer: is the fabric running?`, {
      cause: error,
    })
  })
  const body = await response.text()
  if (!response.ok) throw new UserError(`Themis refuses (${response.status}): ${body.trim()}`)
  return body
}

function deviceHeaders(text: string): Record<string, string> {
  const [scheme, id] = splitDevice(text)
  if (scheme === 'mac') return { 'x-midt-mac-address': id }
  if (scheme === 'serial') return { 'x-midt-serial-number': id }
  if (scheme === 'uuid') return { 'x-midt-uuid': id }
  throw new UserError(`Themis knows devices by mac, serial or uuid, not by ${scheme}`)
}

function splitDevice(text: string): [scheme: string, id: string] {
  try {
    const device = parseDeviceId(text)
    const colon = device.indexOf(':')
    return [device.slice(0, colon), device.slice(colon + 1)]
  } catch (error) {
    throw new UserError(`"${text}" is no device id: say one such as mac:112233445566`, {
      cause: error,
    })
  }
}
