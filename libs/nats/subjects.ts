/**
 * Every subject of the fabric is made and taken apart here and nowhere else, so that no string
 * from outside reaches one unescaped: a device id or event type with a dot, a blank, a `*` or a
 * `>` would otherwise name what it must not.
 */
import { murmur3 } from '#libs/hash/murmur3.ts'
import { parseDeviceId, type DeviceId } from '#libs/wrp/locator.ts'
import { bounded, escapeToken, malformed, SubjectError, unescapeToken } from './subject-token.ts'

/** How many partitions the events have from the first day, so that EVENTS can be split later. */
const PARTITION_COUNT = 16

/**
 * The longest event type, in characters: each different one costs nats-server memory for each device
 * that uses it, and genuine ones are words.
 */
export const EVENT_TYPE_LENGTH_MAX = 64

/** Stands where an event has no device. No device's token equals it, as each has a scheme. */
const NO_DEVICE = '_'

const EVENT_PREFIX = 'xmidt.event'
const DEVICE_PREFIX = 'xmidt.device'
const DEAD_LETTER_PREFIX = 'xmidt.dead'
const TALARIA_PREFIX = 'xmidt.talaria'
const SESSIONS_PREFIX = '$KV.SESSIONS'

/** Where every Talaria answers; request, and one reply from each. */
export const TALARIAS_PING = 'xmidt.talarias.ping'

/** Where every Caduceus says which events of a webhook it was given; request, and one reply from each. */
export const CADUCEUS_TAKEN = 'xmidt.caduceus.taken'

/** What one Talaria can be asked or told, the last token of its subjects. */
export const TALARIA_SUBJECT_KINDS = ['ping', 'stat', 'gate', 'drain'] as const
/** One of {@link TALARIA_SUBJECT_KINDS}. */
export type TalariaSubjectKind = (typeof TALARIA_SUBJECT_KINDS)[number]

/** All events, of low qos too. */
export const EVENT_SUBJECTS = `${EVENT_PREFIX}.>`

/** Before the partition of an event of low qos. */
const LOW_PREFIX = 'low-'

const PARTITIONS = Array.from({ length: PARTITION_COUNT }, (_, index) => String(index))

/**
 * What stream EVENTS takes. `again` stands where a partition's number does in what a person
 * published again.
 */
export const EVENTS_STREAM_SUBJECTS: readonly string[] = [...PARTITIONS, 'again'].map(
  (partition) => `${EVENT_PREFIX}.${partition}.>`,
)

/** What stream EVENTS_LOW takes. */
export const EVENTS_LOW_STREAM_SUBJECTS: readonly string[] = PARTITIONS.map(
  (partition) => `${EVENT_PREFIX}.${LOW_PREFIX}${partition}.>`,
)

/** What a device can be asked or told, the last token of its subjects. */
export const DEVICE_SUBJECT_KINDS = ['command', 'stat', 'session'] as const
/** One of {@link DEVICE_SUBJECT_KINDS}. */
export type DeviceSubjectKind = (typeof DEVICE_SUBJECT_KINDS)[number]

/**
 * The device id as one token that is also a KV key and part of a consumer's name:
 * `mac:112233445566` is `mac_112233445566`, and every other character outside `[A-Za-z0-9-]` is
 * `=HH` for each of its UTF-8 bytes.
 * @throws {SubjectError} TOKEN_TOO_LONG.
 */
export function deviceToken(device: DeviceId): string {
  const colon = device.indexOf(':')
  return bounded(`${device.slice(0, colon)}_${escapeToken(device.slice(colon + 1))}`)
}

/**
 * The device id that {@link deviceToken} made `token` of.
 * @throws {SubjectError} TOKEN_MALFORMED when it made none of it.
 */
export function deviceOfToken(token: string): DeviceId {
  const underscore = token.indexOf('_')
  if (underscore <= 0) throw malformed(token)
  const id = `${token.slice(0, underscore)}:${unescapeToken(token.slice(underscore + 1))}`
  try {
    return parseDeviceId(id)
  } catch {
    throw malformed(token)
  }
}

/**
 * Where an event is published: `xmidt.event.<partition>.<type>.<device>`. The partition is a hash
 * of the device id, so one device's events stay in one order wherever EVENTS is split. One of low
 * qos has `low-` before the partition's number: it goes into another stream, and whoever listens
 * with a wildcard hears both.
 * @param device undefined for an event that no device is part of; its token is then `_`.
 * @param type the authority of the event's `event:<type>/…` destination.
 * @throws {SubjectError} TOKEN_EMPTY or TOKEN_TOO_LONG for a type that cannot be a token.
 */
export function eventSubject(
  device: DeviceId | undefined,
  type: string,
  { isLow = false }: { isLow?: boolean | undefined } = {},
): string {
  const partition = device === undefined ? 0 : murmur3(device) % PARTITION_COUNT
  const place = isLow ? `${LOW_PREFIX}${partition}` : partition
  return `${EVENT_PREFIX}.${place}.${typeToken(type)}.${device === undefined ? NO_DEVICE : deviceToken(device)}`
}

/** All events of one type, whatever the device and the qos: `xmidt.event.*.<type>.>`. */
export function eventSubjectsOfType(type: string): string {
  return `${EVENT_PREFIX}.*.${typeToken(type)}.>`
}

/** What an event's subject says. */
export interface EventSubject {
  partition: number
  /** Whether its qos is low. */
  isLow: boolean
  type: string
  /** Undefined for an event without a device. */
  device: DeviceId | undefined
}

/**
 * @throws {SubjectError} SUBJECT_UNKNOWN for what {@link eventSubject} did not make, TOKEN_MALFORMED.
 */
export function parseEventSubject(subject: string): EventSubject {
  const [place = '', type, device, ...rest] = tokensAfter(subject, EVENT_PREFIX)
  const isLow = place.startsWith(LOW_PREFIX)
  const partition = isLow ? place.slice(LOW_PREFIX.length) : place
  if (!/^\d+$/.test(partition) || !type || !device || rest.length > 0) throw unknown(subject)
  return {
    partition: Number(partition),
    isLow,
    type: unescapeToken(type),
    device: device === NO_DEVICE ? undefined : deviceOfToken(device),
  }
}

/** Where a caller's command for the device goes; request and reply. */
export const commandSubject = (device: DeviceId): string => deviceSubject(device, 'command')

/** Where the device's statistics are asked for; request and reply. */
export const statSubject = (device: DeviceId): string => deviceSubject(device, 'stat')

/** Where a Talaria that took the device tells the others. */
export const sessionSubject = (device: DeviceId): string => deviceSubject(device, 'session')

/** The ONE subscription that a Talaria holds for a device. */
export const deviceSubjects = (device: DeviceId): string =>
  `${DEVICE_PREFIX}.${deviceToken(device)}.*`

const deviceSubject = (device: DeviceId, kind: DeviceSubjectKind): string =>
  `${DEVICE_PREFIX}.${deviceToken(device)}.${kind}`

/**
 * The kind of a device's subject, without the cost of taking its device apart again: who asks
 * holds the device's own subscription.
 * @throws {SubjectError} SUBJECT_UNKNOWN.
 */
export function deviceSubjectKind(subject: string): DeviceSubjectKind {
  const [device, kind, ...rest] = tokensAfter(subject, DEVICE_PREFIX)
  const known = DEVICE_SUBJECT_KINDS.find((each) => each === kind)
  if (!device || !known || rest.length > 0) throw unknown(subject)
  return known
}

/** Where a delivery that was given up goes: `xmidt.dead.<webhook>`; `webhookId` is hexadecimal. */
export function deadLetterSubject(webhookId: string): string {
  return `${DEAD_LETTER_PREFIX}.${bounded(escapeToken(webhookId))}`
}

/** The dead letters of all webhooks. */
export const DEAD_LETTER_SUBJECTS = `${DEAD_LETTER_PREFIX}.*`

/** Whose dead letters a subject is of. */
export const webhookIdOfDeadLetter = (subject: string): string =>
  subject.slice(DEAD_LETTER_PREFIX.length + 1)

/** The ONE subscription on which a Talaria answers its operators. */
export const talariaSubjects = (talariaId: string): string =>
  `${TALARIA_PREFIX}.${bounded(escapeToken(talariaId))}.*`

/** Where one Talaria is asked or told something; request and reply. */
export const talariaSubject = (talariaId: string, kind: TalariaSubjectKind): string =>
  `${TALARIA_PREFIX}.${bounded(escapeToken(talariaId))}.${kind}`

/** What a Talaria is asked; undefined for what there is not, as anybody may ask anything. */
export function talariaSubjectKind(subject: string): TalariaSubjectKind | undefined {
  const [talaria, kind, ...rest] = tokensAfter(subject, TALARIA_PREFIX)
  if (!talaria || !kind || rest.length > 0) throw unknown(subject)
  return TALARIA_SUBJECT_KINDS.find((each) => each === kind)
}

/** Where the entry of a session is kept: `$KV.SESSIONS.<talaria>.<device>`. */
export const sessionEntrySubject = (talariaId: string, device: DeviceId): string =>
  `${holderSubject(talariaId)}.${deviceToken(device)}`

/** All entries of one Talaria. */
export const sessionEntrySubjects = (talariaId: string): string => `${holderSubject(talariaId)}.*`

/** Where it is kept that a Talaria may have entries: `$KV.SESSIONS.<talaria>`. */
export const holderSubject = (talariaId: string): string =>
  `${SESSIONS_PREFIX}.${bounded(escapeToken(talariaId))}`

/** All Talarias that may have entries. */
export const HOLDER_SUBJECTS = `${SESSIONS_PREFIX}.*`

/** What a key of SESSIONS says; without a device it is a Talaria's own. */
export interface SessionKey {
  talariaId: string
  device: DeviceId | undefined
}

/** @throws {SubjectError} SUBJECT_UNKNOWN, TOKEN_MALFORMED. */
export function parseSessionSubject(subject: string): SessionKey {
  const [talaria, device, ...rest] = tokensAfter(subject, SESSIONS_PREFIX)
  if (!talaria || rest.length > 0) throw unknown(subject)
  return {
    talariaId: unescapeToken(talaria),
    device: device === undefined ? undefined : deviceOfToken(device),
  }
}

function typeToken(type: string): string {
  if (type === '') throw new SubjectError('TOKEN_EMPTY', 'an event type must not be empty')
  if (type.length > EVENT_TYPE_LENGTH_MAX) {
    const text = `an event type of ${type.length} characters is over ${EVENT_TYPE_LENGTH_MAX}`
    throw new SubjectError('TOKEN_TOO_LONG', text)
  }
  return bounded(escapeToken(type))
}

function tokensAfter(subject: string, prefix: string): string[] {
  if (!subject.startsWith(`${prefix}.`)) throw unknown(subject)
  return subject.slice(prefix.length + 1).split('.')
}

const unknown = (subject: string): SubjectError =>
  new SubjectError('SUBJECT_UNKNOWN', `"${subject}" is none of the fabric's subjects`)
