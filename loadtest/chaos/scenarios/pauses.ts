/** Processes that stand still for seconds and go on, as a virtual machine that is moved does. */
import type { Scenario } from '#loadtest/chaos/scenario.ts'
import { FABRIC, LOAD, PROMISES, WEBHOOKS } from './parts.ts'

/** Nobody is killed, so no event has two ids. */
export const pauses: Scenario = {
  name: 'pauses',
  about:
    'SIGSTOP for 0.3 to 3 s of every kind of process: nothing lost, denied falsely or done twice',
  scheduled: {
    fabric: FABRIC,
    load: LOAD,
    webhooks: WEBHOOKS,
    plan: {
      order: 'random',
      every: [800, 2_500],
      hazards: [
        { action: 'pause', roles: ['talaria', 'scytale'], lasts: [[300, 3_000]], weight: 3 },
        { action: 'pause', roles: ['nats'], lasts: [[300, 3_000]], weight: 2 },
        { action: 'pause', roles: ['caduceus', 'petasos'], lasts: [[300, 3_000]] },
        { action: 'pause', roles: ['receiver'], lasts: [[300, 3_000]] },
      ],
    },
    promises: PROMISES,
  },
}
