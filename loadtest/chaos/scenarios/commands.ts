/** Kills of everything that a command passes through. */
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, LOAD, PROMISES, WEBHOOKS } from './parts.ts'

/** The load is mostly commands. */
export const commands: Scenario = {
  name: 'commands',
  about:
    'kill -9 of nats-server, Talaria, Scytale and Petasos: one definite answer, and a true one',
  scheduled: {
    fabric: FABRIC,
    load: { ...LOAD, eventsPerSecond: 10, commandsPerSecond: 40 },
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [1_500, 4_000],
      hazards: [
        { action: 'kill', roles: ['talaria'], lasts: [[0, 3_000]], weight: 4 },
        { action: 'kill', roles: ['scytale'], lasts: [[0, 2_000]], weight: 2 },
        {
          action: 'kill',
          roles: ['nats'],
          lasts: [
            [0, 500],
            [500, 4_000],
          ],
          weight: 3,
        },
        { action: 'kill', roles: ['petasos'], lasts: [[0, 2_000]] },
      ],
    },
    promises: PROMISES,
  },
}
