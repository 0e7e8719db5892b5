/** What a device says about itself when it connects, as far as anything is made of it. talaria.md §2.6. */

/** The fields that status events tell of. talaria.md §5.2. */
export const CONVEY_FIELDS = [
  'boot-time',
  'hw-model',
  'hw-manufacturer',
  'hw-serial-number',
  'hw-last-reboot-reason',
  'fw-name',
  'last-reconnect-reason',
  'webpa-last-reconnect-reason',
  'webpa-protocol',
  'webpa-interface-used',
  'boot-time-retry-wait',
  'webpa-interface-label',
  'wan-ipv4-address',
] as const
/** One of {@link CONVEY_FIELDS}. */
export type ConveyField = (typeof CONVEY_FIELDS)[number]

/** The fields that a device told. A text is of 512 characters at most. */
export type Convey = Readonly<Partial<Record<ConveyField, string | number | boolean>>>
