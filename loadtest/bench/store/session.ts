/** A session as a genuine device has one, with what it conveys. */
import type { SessionEntry } from '#libs/nats/bucket/sessions.ts'

/** Of the length that such entries have. */
export const SESSION: SessionEntry = {
  session: '0ujsswThIGTUYm2K8FjOOfXtY1K0',
  since: '2026-11-24T12:00:00.000Z',
  partners: ['comcast'],
  metadata: {
    'hw-model': 'TG1682',
    'hw-serial-number': '1234567890',
    'hw-manufacturer': 'Example',
    'hw-last-reboot-reason': 'unknown',
    'fw-name': 'TG1682_DEV_master_2016000000sdy',
    'boot-time': '1542834188',
    'webpa-protocol': 'PARODUS-2.0',
    'webpa-interface-used': 'erouter0',
    'webpa-last-reconnect-reason': 'SSL_Socket_Close',
  },
}
