/** Parodus as a process. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { parodusEnv } from './config.ts'

await runApp('parodus', parodusEnv, start)
