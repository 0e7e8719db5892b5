/** What `up` prints once everything runs: where it is, and what to try first. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { OPERATOR } from '#apps/xmidt/access.ts'
import { DEVICE_SERVICE } from '#apps/xmidt/fleet/device.ts'
import { bold, dim, table } from '#apps/xmidt/terminal.ts'
import type { Fabric } from './fabric.ts'

/** The command of the same name, as one would type it here. */
const XMIDT = fileURLToPath(new URL('../../../bin/xmidt', import.meta.url))

/** One row for each part. */
export function urlTable(fabric: Fabric, natsUrl: string, logDirectory: string): string {
  const row = (name: string, url: string, operations: string | undefined, about: string) => [
    name,
    url,
    operations === undefined ? '' : `${operations}/metrics`,
    about,
  ]
  return table([
    row('nats', new URL(natsUrl).host, undefined, 'JetStream; everything between the parts'),
    row('themis', fabric.themis.url, fabric.themis.operationsUrl, 'issues credentials'),
    ...fabric.talarias.map((talaria, index) =>
      row(`talaria-${index + 1}`, talaria.url, talaria.operationsUrl, 'holds the devices'),
    ),
    row(
      'petasos',
      fabric.petasos.url,
      fabric.petasos.operationsUrl,
      'sends each device to its Talaria',
    ),
    row('scytale', fabric.scytale.url, fabric.scytale.operationsUrl, 'the cloud API to devices'),
    row(
      'caduceus',
      fabric.caduceus.url,
      fabric.caduceus.operationsUrl,
      'delivers events to webhooks',
    ),
    ['logs', nearest(logDirectory)],
  ])
}

/** A path as one would type it here. */
function nearest(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere.startsWith('..') ? path : fromHere
}

/** Three commands that work as printed. */
export function commandsToCopy(options: {
  fabric: Fabric
  cliDirectory: string
  operatorPassword: string
  device: string | undefined
}): string {
  const { fabric, operatorPassword } = options
  const user = `-u ${OPERATOR}:${operatorPassword}`
  const ask = [
    `curl -s ${user} ${fabric.scytale.url}/api/v3/device \\`,
    '  -H "X-Xmidt-Message-Type: 3" -H "X-Xmidt-Source: dns:me" -H "X-Xmidt-Transaction-Uuid: $RANDOM" \\',
    `  -H "X-Webpa-Device-Name: ${options.device ?? 'mac:112233445566'}/${DEVICE_SERVICE}" -H "Accept: application/octet-stream" \\`,
    `  -d '{"command":"GET","names":["Device.DeviceInfo.ModelName"]}'`,
  ].join('\n')
  const register = [
    `curl -s ${user} ${fabric.caduceus.url}/hook -d \\`,
    `  '{"config":{"url":"http://127.0.0.1:8080/","content_type":"application/json"},"events":[".*"],"duration":"1h"}'`,
  ].join('\n')
  const nats = `XDG_CONFIG_HOME=${nearest(options.cliDirectory)} nats --context`
  return [
    bold('Ask a device for a parameter'),
    ask,
    '',
    bold('Register your own webhook'),
    register,
    '',
    `${bold('Watch the subjects')} ${dim('(the nats CLI; without it: npm run xmidt -- listen)')}`,
    `${nats} xmidt-tools sub '>'`,
    `${nats} xmidt-operator stream view EVENTS --translate '${nearest(XMIDT)} decode'`,
    dim('More of it, with what it prints: nats/README.md'),
    '',
    dim('Ctrl-C ends everything.'),
  ].join('\n')
}
