/** Writes the accounts of `production/` of `permissions.ts`; run by `npm run nats:configure`. */
import { writeFileSync } from 'node:fs'
import { accountsText } from './accounts.ts'
import { REGION, USERS, type UserPermissions } from './permissions.ts'

const fileOf = (name: string): string => new URL(`production/${name}`, import.meta.url).pathname

/** Where they are kept: those of one cluster, and those of one of several regions. */
export const PRODUCTION_ACCOUNTS = fileOf('accounts.conf')
export const REGION_ACCOUNTS = fileOf('regions/accounts.conf')

/** The variable of the environment in which a server finds a user's password. */
const passwordVariable = (user: string): string => `NATS_${user.toUpperCase()}_PASSWORD`

/** The whole file, for one cluster or for one with the further user that another region is. */
export const productionAccounts = (users: readonly UserPermissions[] = USERS): string =>
  `# Written by "npm run nats:configure" from nats/permissions.ts: change it there.

${accountsText({ users, passwordOf: (user) => `$${passwordVariable(user)}` })}`

if (import.meta.main) {
  writeFileSync(PRODUCTION_ACCOUNTS, productionAccounts())
  writeFileSync(REGION_ACCOUNTS, productionAccounts([...USERS, REGION]))
}
