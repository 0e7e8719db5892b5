/** Where Petasos sends a device, asked as a device asks. */
import type { Stack } from './stack.ts'

/** The base of the Talaria; undefined when Petasos knows none. */
export async function redirectOf(stack: Stack, device: string): Promise<string | undefined> {
  const response = await fetch(`${stack.petasos.url}/api/v2/device`, {
    headers: { 'x-webpa-device-name': device },
    redirect: 'manual',
  })
  await response.body?.cancel()
  return response.status === 307
    ? new URL(response.headers.get('location') ?? '').origin
    : undefined
}

/** Different Talarias that Petasos sends `devices` to. */
export async function redirectsOf(
  stack: Stack,
  devices: readonly string[],
): Promise<Set<string | undefined>> {
  return new Set(await Promise.all(devices.map((device) => redirectOf(stack, device))))
}

/** So many ids that each of a few Talarias gets some, whatever their names. */
export const manyDevices = (count = 64): string[] =>
  Array.from({ length: count }, (_, index) => `mac:${(0xbb_00_00_00_00_00 + index).toString(16)}`)
