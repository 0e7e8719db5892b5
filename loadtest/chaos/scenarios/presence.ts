/** Talarias that go without a goodbye, and come back at once, late or never. */
import { sessionsToldOnce } from '#loadtest/chaos/promises/presence.ts'
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, LOAD, PROMISES, WEBHOOKS } from './parts.ts'

/** A lease is 15 s. */
export const presence: Scenario = {
  name: 'presence',
  about:
    'kill -9 of Talarias, back at once, after their lease or never: one online, one offline event a session',
  scheduled: {
    fabric: FABRIC,
    load: { ...LOAD, eventsPerSecond: 20, commandsPerSecond: 10 },
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [2_000, 6_000],
      hazards: [
        {
          action: 'kill',
          roles: ['talaria'],
          lasts: [[0, 0], [500, 4_000], [17_000, 22_000], 'never'],
          weight: 5,
        },
        { action: 'restart', roles: ['talaria'], lasts: [[0, 1_000]] },
        {
          action: 'kill',
          roles: ['nats'],
          lasts: [
            [0, 1_000],
            [1_000, 8_000],
          ],
          weight: 2,
        },
        { action: 'pause', roles: ['nats', 'talaria'], lasts: [[300, 3_000]], weight: 2 },
      ],
    },
    promises: [...PROMISES, sessionsToldOnce],
    isPresenceChecked: true,
  },
}
