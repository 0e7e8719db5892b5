/** WDMP: the JSON of a request's payload to the JSON of its answer. parodus.md §8. */
import { z } from 'zod'
import { DATA_TYPE, VALUE_LENGTH_MAX, type Parameter } from './tree.ts'

/** More in one request than any caller asks for. */
const NAMES_MAX = 256

const names = z.array(z.string().min(1)).min(1).max(NAMES_MAX)
const requestSchema = z.discriminatedUnion('command', [
  z.object({ command: z.literal('GET'), names }),
  z.object({ command: z.literal('GET_ATTRIBUTES'), names }),
  z.object({
    command: z.literal('SET'),
    parameters: z
      .array(
        z.object({
          name: z.string().min(1),
          value: z.string().max(VALUE_LENGTH_MAX),
          dataType: z.number().int(),
        }),
      )
      .min(1)
      .max(NAMES_MAX),
  }),
  z.object({
    command: z.literal('SET_ATTRIBUTES'),
    parameters: z
      .array(
        z.object({ name: z.string().min(1), attributes: z.object({ notify: z.number().int() }) }),
      )
      .min(1)
      .max(NAMES_MAX),
  }),
])

const UNSUPPORTED = new Set(['TEST_AND_SET', 'REPLACE_ROWS', 'ADD_ROW', 'DELETE_ROW'])

type Answer = Record<string, unknown>
type Tree = ReadonlyMap<string, Parameter>

/** Answers one request. Never throws. */
export function answerWdmp(tree: Tree, payload: Uint8Array): Answer {
  const request = parse(payload)
  const parsed = requestSchema.safeParse(request)
  if (!parsed.success) {
    const command = (request as { command?: unknown } | undefined)?.command
    const isKnown = typeof command === 'string' && UNSUPPORTED.has(command)
    return failure(isKnown ? 'Method is not supported' : 'Invalid Input Command')
  }
  switch (parsed.data.command) {
    case 'GET':
      return get(tree, parsed.data.names)
    case 'GET_ATTRIBUTES':
      return getAttributes(tree, parsed.data.names)
    case 'SET':
      return change(tree, parsed.data.parameters, (found, { value }) => {
        if (!found.isWritable) return 'Parameter is not writable'
        found.value = value
        return undefined
      })
    case 'SET_ATTRIBUTES':
      return change(tree, parsed.data.parameters, (found, { attributes }) => {
        found.notify = attributes.notify
        return undefined
      })
  }
}

function get(tree: Tree, wanted: string[]): Answer {
  const parameters: unknown[] = []
  for (const name of wanted) {
    const matches = name.endsWith('.')
      ? [...tree.values()].filter((each) => each.name.startsWith(name))
      : [tree.get(name)].filter((each) => each !== undefined)
    const [first] = matches
    if (!first) return failure('Invalid parameter name')
    parameters.push({
      ...(matches.length > 1
        ? { name, value: matches.map(shown), dataType: DATA_TYPE.none }
        : shown(first)),
      parameterCount: matches.length,
      message: 'Success',
    })
  }
  return { parameters, statusCode: 200 }
}

const shown = ({ name, value, dataType }: Parameter): Answer => ({ name, value, dataType })

function getAttributes(tree: Tree, wanted: string[]): Answer {
  const parameters: unknown[] = []
  for (const name of wanted) {
    const notify = tree.get(name)?.notify
    if (notify === undefined) return failure('Invalid parameter name')
    parameters.push({ name, attributes: { notify }, message: 'Success' })
  }
  return { parameters, statusCode: 200 }
}

/** Each item for itself: one that fails does not keep the others from being applied. */
function change<Item extends { name: string }>(
  tree: Tree,
  items: Item[],
  apply: (found: Parameter, item: Item) => string | undefined,
): Answer {
  let hasFailed = false
  const parameters = items.map((item) => {
    const found = tree.get(item.name)
    const fault = found ? apply(found, item) : 'Invalid parameter name'
    hasFailed ||= fault !== undefined
    return { name: item.name, message: fault ?? 'Success' }
  })
  return { parameters, statusCode: hasFailed ? 520 : 200 }
}

function parse(payload: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(payload))
  } catch {
    return undefined
  }
}

const failure = (message: string): Answer => ({ message, statusCode: 520 })
