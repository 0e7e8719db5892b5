/** What single rights on streams, buckets and servers are called: the subjects of JetStream's API and of `$SYS`. */

/** What requireStreams asks, and a bucket's status. */
export const streamInfo = (...streams: string[]): string[] =>
  streams.map((stream) => `$JS.API.STREAM.INFO.${stream}`)

/** One entry of a bucket. */
export const readEntry = (bucket: string): string =>
  `$JS.API.DIRECT.GET.KV_${bucket}.$KV.${bucket}.*`

/** Put and delete of an entry. */
export const writeEntry = (bucket: string): string => `$KV.${bucket}.*`

/** A watch is a consumer of the watcher's own, for all keys, which answers the server's flow control. */
export const watchBucket = (bucket: string): string[] => [
  `$JS.API.STREAM.INFO.KV_${bucket}`,
  `$JS.API.CONSUMER.CREATE.KV_${bucket}.*.$KV.${bucket}.>`,
  `$JS.API.CONSUMER.DELETE.KV_${bucket}.*`,
  `$JS.FC.KV_${bucket}.>`,
]

/** To look into a stream: messages by number or subject, and consumers to read along with. */
export const viewStream = (stream: string): string[] => [
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.>`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.ACK.${stream}.>`,
  `$JS.FC.${stream}.>`,
]

/** To keep consumers of a stream of events, each of one filter at most, and to take from them. */
export const consumersOf = (stream: string): string[] => [
  `$JS.API.CONSUMER.CREATE.${stream}.*`,
  `$JS.API.CONSUMER.CREATE.${stream}.*.xmidt.event.*.*.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.LIST.${stream}`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.ACK.${stream}.>`,
]

/** Which streams and consumers there are and how they stand; no message, and nothing that changes. */
export const JETSTREAM_STATE: readonly string[] = [
  '$JS.API.INFO',
  '$JS.API.STREAM.NAMES',
  '$JS.API.STREAM.LIST',
  '$JS.API.STREAM.INFO.*',
  '$JS.API.CONSUMER.NAMES.*',
  '$JS.API.CONSUMER.LIST.*',
  '$JS.API.CONSUMER.INFO.*.*',
]

/** Who one is and what one may, as `nats account info` shows it. */
export const OWN_RIGHTS = '$SYS.REQ.USER.INFO'

/** What each server tells of itself: of one by its id, or of all. */
export const SERVER_STATE: readonly string[] = [
  '$SYS.REQ.SERVER.PING',
  '$SYS.REQ.SERVER.PING.*',
  ...['VARZ', 'CONNZ', 'SUBSZ', 'ROUTEZ', 'GATEWAYZ', 'ACCOUNTZ', 'JSZ', 'RAFTZ', 'HEALTHZ'].map(
    (state) => `$SYS.REQ.SERVER.*.${state}`,
  ),
  '$SYS.REQ.ACCOUNT.PING.*',
]
