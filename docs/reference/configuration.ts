/** The configuration page, made of the apps' schemas so that it cannot differ from them. */
import { z } from 'zod'
import { caduceusEnv } from '#apps/caduceus/config.ts'
import { exporterEnv } from '#apps/exporter/config.ts'
import { edgeEnv } from '#apps/edge/config.ts'
import { parodusEnv } from '#apps/parodus/config.ts'
import { petasosEnv } from '#apps/petasos/config.ts'
import { scytaleEnv } from '#apps/scytale/config.ts'
import { talariaEnv } from '#apps/talaria/config.ts'
import { themisEnv } from '#apps/themis/config.ts'
import { tr181Env } from '#apps/tr181/config.ts'
import { commonFields } from '#libs/config/common.ts'
import { fieldMeta } from '#libs/config/load.ts'

const APPS: readonly (readonly [name: string, schema: z.ZodObject])[] = [
  ['talaria', talariaEnv],
  ['scytale', scytaleEnv],
  ['petasos', petasosEnv],
  ['caduceus', caduceusEnv],
  ['themis', themisEnv],
  ['edge', edgeEnv],
  ['parodus', parodusEnv],
  ['tr181', tr181Env],
  ['exporter', exporterEnv],
]

/** The whole page. */
export function configurationPage(): string {
  const common = z.object(commonFields)
  return [
    '# Configuration',
    '',
    'Environment only. Written by `npm run docs` from the schemas in `apps/*/config.ts`: change it there.',
    'All faults are reported together before anything is opened. A secret may come from a file: `<NAME>_FILE`.',
    'An empty variable counts as absent.',
    '',
    ...section('every app', common.shape),
    ...APPS.flatMap(([name, schema]) => section(name, ownFields(schema))),
  ].join('\n')
}

type Fields = Readonly<Record<string, z.core.$ZodType>>

const ownFields = (schema: z.ZodObject): Fields =>
  Object.fromEntries(Object.entries(schema.shape).filter(([name]) => !(name in commonFields)))

function section(title: string, fields: Fields): string[] {
  const rows = Object.entries(fields).map(([name, field]) => row(name, field as z.ZodType))
  return [
    `## ${title}`,
    '',
    '| variable | kind | default | what |',
    '|---|---|---|---|',
    ...rows,
    '',
  ]
}

function row(name: string, field: z.ZodType): string {
  const inner = field instanceof z.ZodOptional ? (field.unwrap() as z.ZodType) : field
  const meta = fieldMeta(field) ?? fieldMeta(inner)
  return `| \`${name}\` | ${meta?.kind ?? ''} | ${defaultOf(field)} | ${meta?.description ?? ''} |`
}

function defaultOf(field: z.ZodType): string {
  const parsed = field.safeParse(undefined)
  if (!parsed.success) return 'required'
  if (parsed.data === undefined) return ''
  const text = Array.isArray(parsed.data)
    ? parsed.data.join(',')
    : JSON.stringify(parsed.data).replaceAll('"', '')
  return text === '' ? '' : `\`${text}\``
}
