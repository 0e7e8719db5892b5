/** A little of everything: what `npm test` runs for a minute. */
import { sessionsToldOnce } from '#loadtest/chaos/promises/presence.ts'
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, PROMISES, WEBHOOKS } from './parts.ts'

/** Kills, pauses and orderly ends at once. */
export const mixed: Scenario = {
  name: 'mixed',
  about: 'kills, pauses and orderly ends of everything at once, under events and commands',
  scheduled: {
    fabric: { ...FABRIC, talarias: 2 },
    load: { devices: 40, eventsPerSecond: 25, commandsPerSecond: 15 },
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [2_000, 4_000],
      hazards: [
        {
          action: 'kill',
          roles: ['talaria', 'scytale', 'caduceus', 'petasos', 'receiver'],
          lasts: [[0, 3_000]],
          weight: 4,
        },
        {
          action: 'kill',
          roles: ['nats'],
          lasts: [
            [0, 1_000],
            [1_000, 5_000],
          ],
          weight: 2,
        },
        {
          action: 'pause',
          roles: ['nats', 'talaria', 'scytale', 'caduceus', 'receiver'],
          lasts: [[300, 3_000]],
          weight: 3,
        },
        { action: 'restart', roles: ['talaria', 'scytale', 'caduceus'], lasts: [[0, 1_000]] },
      ],
    },
    promises: [...PROMISES, sessionsToldOnce],
    isPresenceChecked: true,
  },
}
