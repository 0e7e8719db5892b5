/** Themis as a process. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { themisEnv } from './config.ts'

await runApp('themis', themisEnv, start)
