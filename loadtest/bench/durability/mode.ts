/** How durable a stream can be made: how many servers hold it, and when each tells its disk. */

/** One way to keep a stream. */
export interface Mode {
  /** Servers that hold each message before it is acknowledged by most of them. */
  replicas: 1 | 3
  /** `sync_interval` of the server: how long a write may wait for the disk; `always` is before the ack. */
  sync: '2m' | '1s' | 'always'
}

/** All that are compared; the first is what a single server does when nobody says otherwise. */
export const MODES: readonly Mode[] = [
  { replicas: 1, sync: '2m' },
  { replicas: 1, sync: '1s' },
  { replicas: 1, sync: 'always' },
  { replicas: 3, sync: '2m' },
  { replicas: 3, sync: '1s' },
  { replicas: 3, sync: 'always' },
]

/** As it is called in tables. */
export const nameOf = ({ replicas, sync }: Mode): string =>
  `${replicas === 1 ? 'one server' : 'three servers'}, ${sync}`
