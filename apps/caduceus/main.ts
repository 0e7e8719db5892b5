/** Caduceus as a process of its own. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { caduceusEnv } from './config.ts'

await runApp('caduceus', caduceusEnv, start)
