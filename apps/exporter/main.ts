/** The exporter as a process: it shows Prometheus how the nats-servers are. */
import { runApp } from '#libs/lifecycle/run.ts'
import { start } from './app.ts'
import { exporterEnv } from './config.ts'

await runApp('exporter', exporterEnv, start)
