/** Caduceus asks Caduceus: which events of a webhook were you given, and do you know it at all? */
import type { Msg } from '@nats-io/nats-core'
import { z } from 'zod'
import { webhookIdOfFeed } from '#apps/caduceus/feed.ts'
import type { Logger } from '#libs/log/logger.ts'
import type { Nats } from '#libs/nats/connection/connect.ts'
import { CADUCEUS_TAKEN } from '#libs/nats/subjects.ts'
import type { Peers } from './peers.ts'
import type { Run, Taken } from './taken.ts'

/** Who has not answered by then is not heard: it stands still, or NATS is away. */
const ANSWERS_MS = 600

/** Who cannot say by then says so, before he is not heard. */
const SETTLED_MS = 150

/** Instances are few; this is far above. */
const ANSWERS_MAX = 256

const question = z.object({
  /** A feed's id: the webhook's own, where it is about EVENTS. */
  webhook: z.string(),
  after: z.number(),
  through: z.number(),
})
const answer = z.object({
  runs: z.array(z.tuple([z.number(), z.number()])),
  isSure: z.boolean(),
  /** Whether the instance has the webhook; older versions do not say. */
  isKnown: z.boolean().optional(),
  /** Whose answer it is; older versions do not say. */
  instance: z.string().optional(),
})

/** Events behind `after`, up to `through`. */
export type TakenQuestion = z.infer<typeof question>

/**
 * What all instances were given, this one among them; undefined while one of them may still find
 * more, or has not answered and may only be late. @throws the client's error when nobody answers.
 */
export async function askTaken(
  { connection }: Nats,
  asked: TakenQuestion,
  peers: Peers,
): Promise<Run[] | undefined> {
  const runs: Run[] = []
  const heard = new Set<string>()
  for await (const { runs: more, isSure, instance } of ask(connection, asked)) {
    if (!isSure) return undefined
    if (instance !== undefined) heard.add(instance)
    runs.push(...more)
  }
  return peers.isMissing(heard) ? undefined : runs
}

/** Whether any instance knows a webhook; `unsure` when one has not said so. */
export type Known = 'yes' | 'no' | 'unsure'

/** Asks all instances, this one among them. @throws the client's error when nobody answers. */
export async function askKnown(
  { connection }: Nats,
  webhookId: string,
  peers: Peers,
): Promise<Known> {
  const heard = new Set<string>()
  let areAllClear = true
  for await (const said of ask(connection, { webhook: webhookId, after: 0, through: 0 })) {
    if (said.isKnown) return 'yes'
    areAllClear &&= said.isKnown !== undefined
    if (said.instance !== undefined) heard.add(said.instance)
  }
  return !peers.isMissing(heard) && areAllClear ? 'no' : 'unsure'
}

async function* ask(
  connection: Nats['connection'],
  asked: TakenQuestion,
): AsyncGenerator<z.infer<typeof answer>> {
  const replies = await connection.requestMany(CADUCEUS_TAKEN, JSON.stringify(asked), {
    strategy: 'timer',
    maxWait: ANSWERS_MS,
    maxMessages: ANSWERS_MAX,
  })
  for await (const reply of replies) yield answer.parse(reply.json())
}

/** What {@link answerTaken} needs. */
export interface AnswerOptions {
  takenOf: (feed: string) => Taken | undefined
  /** Whether this instance has the webhook. */
  isKnown: (webhookId: string) => boolean
  peers: Peers
  /** Waits for the events that are on their way, and says whether they have come. */
  settled: (withinMs: number) => Promise<boolean>
  log: Logger
}

/** Answers until disposed. */
export function answerTaken(nats: Nats, options: AnswerOptions): Disposable {
  const subscription = nats.connection.subscribe(CADUCEUS_TAKEN, {
    callback: (_, message) => void answerOne(message, options),
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}

/** Never rejects. */
async function answerOne(
  message: Msg,
  { takenOf, isKnown, peers, settled, log }: AnswerOptions,
): Promise<void> {
  try {
    const { webhook, after, through } = question.parse(message.json())
    const isSure = await settled(SETTLED_MS)
    const said: z.infer<typeof answer> = {
      runs: (takenOf(webhook)?.runs(after, through) ?? []).map(([first, last]) => [first, last]),
      isSure,
      isKnown: isKnown(webhookIdOfFeed(webhook)),
      instance: peers.own,
    }
    message.respond(JSON.stringify(said))
  } catch (error) {
    log.warn({ error: String(error) }, 'question of another caduceus cannot be answered')
  }
}
