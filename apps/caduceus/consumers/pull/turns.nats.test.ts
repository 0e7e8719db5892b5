import { Kvm } from '@nats-io/kv'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { durableOf } from '#apps/caduceus/consumers/durable/durable-name.ts'
import type { App } from '#libs/lifecycle/app.ts'
import { EVENT_STREAMS } from '#libs/nats/stream/event-streams.ts'
import {
  metricOf,
  ownedIdOf,
  postHook,
  startCaduceusBench,
  type CaduceusBench,
} from '#tests/support/caduceus.ts'
import { eventually } from '#tests/support/eventually.ts'
import { startReceiver, type Receiver } from '#tests/support/receiver.ts'

let bench: CaduceusBench
let receiver: Receiver
beforeEach(async () => {
  bench = await startCaduceusBench()
  receiver = await startReceiver()
})
afterEach(async () => {
  await receiver[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const ENVIRONMENT = {
  CADUCEUS_CONCURRENCY: '2',
  CADUCEUS_ATTEMPT_MS: '1500',
  CADUCEUS_LOOK_MS: '50',
}

const stateOf = (caduceus: App, state: string): Promise<number> =>
  metricOf(
    caduceus,
    `xmidt_caduceus_webhook_events{webhook="${ownedIdOf(receiver.url)}",state="${state}"}`,
  )

/** How many events both streams have given out. */
async function givenOut(): Promise<number> {
  let sum = 0
  for (const stream of EVENT_STREAMS) {
    const durable = durableOf(ownedIdOf(receiver.url))
    sum += (await bench.manager.consumers.info(stream, durable)).num_ack_pending
  }
  return sum
}

/** A webhook with two events at a receiver that hangs, and more in line; with the ids of all. */
async function startHanging(caduceus: App): Promise<string[]> {
  receiver.setBehaviour(() => new Promise(() => undefined))
  await postHook(caduceus, { config: { url: receiver.url } })
  const all = [75, 0, 75, 0, 75, 0].map((qos) => bench.publish({ qos }))
  const ids = (await Promise.all(all)).map(({ id }) => id)
  await eventually(async () => {
    expect(receiver.received).toHaveLength(2)
    expect(await givenOut()).toBeGreaterThan(2)
  })
  return ids
}

describe('an event that waits in line for its turn', () => {
  it('is pending in the books', async () => {
    await using caduceus = await bench.startCaduceus(ENVIRONMENT)
    await startHanging(caduceus)
    await eventually(async () => {
      const pending = await stateOf(caduceus, 'pending')
      expect(pending).toBe(await givenOut())
      expect(pending).toBeGreaterThan(2)
      expect(await stateOf(caduceus, 'matched')).toBe(pending)
    })
  })

  it('goes back to its stream when the process ends, and comes with the next', async () => {
    let ids: string[]
    {
      await using caduceus = await bench.startCaduceus(ENVIRONMENT)
      ids = await startHanging(caduceus)
    }
    expect(receiver.received).toHaveLength(2)
    receiver.setBehaviour(() => ({ status: 200 }))
    await using _next = await bench.startCaduceus(ENVIRONMENT)
    await eventually(() => {
      const come = receiver.received.slice(2).map(({ headers }) => String(headers['webhook-id']))
      expect(come.toSorted()).toEqual(ids.toSorted())
    })
  })

  it('is not posted when its webhook is gone', async () => {
    {
      await using caduceus = await bench.startCaduceus(ENVIRONMENT)
      await startHanging(caduceus)
      const bucket = await new Kvm(bench.jetStream).open('WEBHOOKS', { allow_direct: true })
      await bucket.delete(ownedIdOf(receiver.url))
      await eventually(async () =>
        expect(await metricOf(caduceus, 'xmidt_caduceus_webhooks')).toBe(0),
      )
    }
    expect(receiver.received).toHaveLength(2)
  })
})
