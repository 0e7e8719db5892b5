/** Writes `production/accounts.conf` of `permissions.ts`; run by `npm run nats:configure`. */
import { writeFileSync } from 'node:fs'
import { accountsText } from './accounts.ts'

/** Where it is kept. */
export const PRODUCTION_ACCOUNTS = new URL('production/accounts.conf', import.meta.url).pathname

/** The variable of the environment in which a server finds a user's password. */
const passwordVariable = (user: string): string => `NATS_${user.toUpperCase()}_PASSWORD`

/** The whole file. */
export const productionAccounts = (): string =>
  `# Written by "npm run nats:configure" from nats/permissions.ts: change it there.

${accountsText({ passwordOf: (user) => `$${passwordVariable(user)}` })}`

if (import.meta.main) writeFileSync(PRODUCTION_ACCOUNTS, productionAccounts())
