/** Petasos as a process. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { petasosEnv } from './config.ts'

await runApp('petasos', petasosEnv, start)
