/** Every app ended in order and started again in turn, as in a deployment. */
import { noneLostByOrderlyEnds } from '#loadtest/chaos/promises/commands.ts'
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, LOAD, PROMISES, WEBHOOKS } from './parts.ts'

/** Nothing is killed: neither callers nor devices may lose anything. */
export const rolling: Scenario = {
  name: 'rolling',
  about: 'SIGTERM and start of each app in turn, and drains: callers and devices lose nothing',
  scheduled: {
    fabric: FABRIC,
    load: LOAD,
    webhooks: WEBHOOKS,
    plan: {
      order: 'turn',
      every: [3_500, 5_500],
      hazards: [
        {
          action: 'restart',
          roles: ['talaria', 'scytale', 'petasos', 'caduceus'],
          lasts: [[0, 1_000]],
        },
        { action: 'drain', roles: ['talaria'], lasts: [[0, 0]] },
      ],
    },
    promises: [...PROMISES, noneLostByOrderlyEnds],
  },
}
