/** Kills of everything that an event passes through. */
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, LOAD, PROMISES, WEBHOOKS } from './parts.ts'

/** The load is mostly events. */
export const acknowledged: Scenario = {
  name: 'acknowledged',
  about: 'kill -9 of nats-server, Talaria, Caduceus and receivers: no acknowledged event is lost',
  scheduled: {
    fabric: FABRIC,
    load: { ...LOAD, commandsPerSecond: 10 },
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [1_500, 4_000],
      hazards: [
        { action: 'kill', roles: ['talaria'], lasts: [[0, 3_000]], weight: 3 },
        { action: 'kill', roles: ['caduceus'], lasts: [[0, 3_000]], weight: 3 },
        {
          action: 'kill',
          roles: ['nats'],
          lasts: [
            [0, 1_000],
            [1_000, 6_000],
          ],
          weight: 3,
        },
        { action: 'kill', roles: ['receiver', 'petasos'], lasts: [[0, 3_000]], weight: 2 },
      ],
    },
    promises: PROMISES,
  },
}
