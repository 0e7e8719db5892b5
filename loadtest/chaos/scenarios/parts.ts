/** What most scenarios have in common. */
import type { WebhookPlan } from '#loadtest/chaos/load/webhooks.ts'
import {
  answeredRanOnce,
  deniedDidNotRun,
  missingIsDenied,
  noFalse404,
  noneRunsTwice,
  oneDefiniteAnswer,
} from '#loadtest/chaos/promises/commands.ts'
import {
  acknowledgedArrive,
  eventsAnswered,
  oneEventOneId,
  onlyWhatMatches,
} from '#loadtest/chaos/promises/events.ts'
import { processesStay, rightsSuffice } from '#loadtest/chaos/promises/processes.ts'
import type { Check } from '#loadtest/chaos/promises/verdict.ts'
import type { Load, Setting } from '#loadtest/chaos/scenario.ts'

/** Fits two cores on which others work too. */
export const LOAD: Load = { devices: 60, eventsPerSecond: 40, commandsPerSecond: 20 }

/** Two of what there may be several of, and three Talarias. */
export const FABRIC: Setting['fabric'] = { talarias: 3, scytales: 2, caduceuses: 2 }

/** One gets all, one a type, one half of the devices. */
export const WEBHOOKS: readonly WebhookPlan[] = [
  { name: 'webhook-all', events: 'chaos-.*', devices: '.*' },
  { name: 'webhook-type', events: 'chaos-a', devices: '.*' },
  { name: 'webhook-device', events: 'chaos-.*', devices: '[0-7]$' },
]

/** Of events. */
export const EVENT_PROMISES: readonly Check[] = [
  acknowledgedArrive,
  oneEventOneId,
  onlyWhatMatches,
  eventsAnswered,
]

/** Of commands. */
export const COMMAND_PROMISES: readonly Check[] = [
  oneDefiniteAnswer,
  answeredRanOnce,
  deniedDidNotRun,
  noneRunsTwice,
  noFalse404,
  missingIsDenied,
]

/** Of the processes. */
export const PROCESS_PROMISES: readonly Check[] = [processesStay, rightsSuffice]

/** All that hold whatever is killed. */
export const PROMISES = [...EVENT_PROMISES, ...COMMAND_PROMISES, ...PROCESS_PROMISES]
