/** Who a device is, as its connect said. */
import type { DeviceId } from '#libs/wrp/locator.ts'
import type { Convey } from './convey.ts'

/** The one partner of a device whose token names none. talaria.md §2. */
export const PARTNER_UNKNOWN = 'unknown'

/** What the connect said about the device. */
export interface DeviceIdentity {
  id: DeviceId
  /** Of the token; {@link PARTNER_UNKNOWN} alone when there is none. */
  partnerIds: string[]
  trust: number
  accountId: string
  /** What the device says about itself; undefined where it said nothing readable. */
  convey: Convey | undefined
  intermediateContext: string
}
