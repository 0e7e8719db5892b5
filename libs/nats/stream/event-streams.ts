/** The streams that events are in. Each has a cap in bytes of its own, so that neither can push out the other's. */

/** Events that were acknowledged, presence among them. */
export const EVENTS_STREAM = 'EVENTS'

/** Events that were not, as their qos is low. */
export const EVENTS_LOW_STREAM = 'EVENTS_LOW'

/** Both. */
export const EVENT_STREAMS = [EVENTS_STREAM, EVENTS_LOW_STREAM] as const

/** One of them. */
export type EventStream = (typeof EVENT_STREAMS)[number]

/** Where an event goes, by whether its qos is low. */
export const eventStreamOf = ({ isLow }: { isLow?: boolean | undefined }): EventStream =>
  isLow ? EVENTS_LOW_STREAM : EVENTS_STREAM
