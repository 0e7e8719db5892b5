/** What a nats-server answers on its monitoring port, as far as it is shown. */
import { z } from 'zod'

/** In Go's form, with nanoseconds. */
const time = z.iso.datetime({ offset: true })

/** `/varz`: the server itself. */
export const varz = z.object({
  server_name: z.string(),
  start: time,
  cpu: z.number(),
  mem: z.number(),
  connections: z.number(),
  max_connections: z.number(),
  subscriptions: z.number(),
  routes: z.number(),
  slow_consumers: z.number(),
  in_msgs: z.number(),
  out_msgs: z.number(),
  in_bytes: z.number(),
  out_bytes: z.number(),
  /** Since nats-server 2.12. */
  tls_cert_not_after: time.optional(),
  jetstream: z.object({
    config: z.object({ max_storage: z.number() }).optional(),
    stats: z
      .object({
        storage: z.number(),
        api: z.object({ total: z.number(), errors: z.number() }),
      })
      .optional(),
  }),
})

const cluster = z.object({
  leader: z.string().optional(),
  replicas: z.array(z.object({ current: z.boolean(), offline: z.boolean().optional() })).optional(),
})

const consumer = z.object({
  name: z.string(),
  config: z.object({ durable_name: z.string().optional() }).optional(),
  ack_floor: z.object({ stream_seq: z.number() }),
  num_pending: z.number(),
  num_ack_pending: z.number(),
  num_redelivered: z.number(),
  cluster: cluster.optional(),
})

const stream = z.object({
  name: z.string(),
  config: z.object({ max_bytes: z.number(), max_age: z.number() }),
  state: z.object({
    messages: z.number(),
    bytes: z.number(),
    first_seq: z.number(),
    first_ts: time,
    last_seq: z.number(),
    consumer_count: z.number(),
  }),
  cluster: cluster.optional(),
  consumer_detail: z.array(consumer).optional(),
})

/** `/jsz` with accounts, streams, consumers and their configurations. */
export const jsz = z.object({
  account_details: z.array(z.object({ stream_detail: z.array(stream).optional() })).optional(),
})

/** How one server is. */
export interface ServerAnswers {
  varz: z.infer<typeof varz>
  jsz: z.infer<typeof jsz>
  /** A stream of it refuses since a write failed, as its `/healthz` says. */
  refusesWrites: boolean
}

/** A stream as its server tells it. */
export type StreamAnswer = z.infer<typeof stream>

/** A consumer as its server tells it. */
export type ConsumerAnswer = z.infer<typeof consumer>
