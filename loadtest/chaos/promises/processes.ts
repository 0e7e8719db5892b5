/** What is promised of the processes themselves. */
import { timeOf, verdict, type Check } from './verdict.ts'

/** No input and no fault of another ends a process; and an end that was asked for is orderly. */
export const processesStay: Check = ({ members }) => {
  const ends = members.flatMap(({ name, role, record }) =>
    record
      .filter(({ what }) => what === 'fell' || what === 'ended')
      .map((event) => ({ name, role, event })),
  )
  const broken = ends.filter(
    ({ role, event }) =>
      event.what === 'fell' ||
      // nats-server and a receiver end by the signal itself.
      (role !== 'nats' && role !== 'receiver' && event.end?.code !== 0),
  )
  const found = verdict(
    'no process ends by itself, or otherwise than in order',
    members.length,
    broken,
    ({ name, event }) =>
      `${name} ${event.what} at ${timeOf(event.atMs)} with ${event.end?.code ?? event.end?.signal}`,
  )
  found.note = `${ends.length - broken.length} orderly ends`
  return found
}

/** A right that a user lacks is told by nats-server in its log. */
export const rightsSuffice: Check = ({ members, refusals }) =>
  verdict('every app has the rights that it needs', members.length, refusals, (line) =>
    line.slice(0, 200),
  )
