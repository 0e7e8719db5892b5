/** `npm run fuzz -- wrp --seconds 60`: looks for input that breaks what must not break. */
import { Command, Option } from 'commander'
import { fuzzWrp, type FuzzResult } from './wrp.ts'

const whole = (text: string): number => {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`"${text}" is no whole number above 0`)
  return Number(text)
}

const program = new Command('fuzz').description('Looks for input that breaks what must not break.')
program
  .command('wrp')
  .description('libs/wrp: mutated vectors and random bytes through every form')
  .addOption(
    new Option('--cases <n>', 'ends after so many')
      .argParser(whole)
      .default(Number.MAX_SAFE_INTEGER, 'no end'),
  )
  .addOption(new Option('--seconds <n>', 'ends after so long').argParser(whole).default(60))
  .addOption(
    new Option('--seed <n>', 'repeats a run')
      .argParser(whole)
      .default(Date.now() % 2 ** 31, 'the time'),
  )
  .action((options: { cases: number; seconds: number; seed: number }) => {
    process.stdout.write(`seed ${options.seed}\n`)
    let toldAt = performance.now()
    const result = fuzzWrp({
      seed: options.seed,
      casesMax: options.cases,
      durationMs: options.seconds * 1_000,
      onProgress(progress) {
        if (performance.now() - toldAt < 5_000) return
        toldAt = performance.now()
        process.stdout.write(`${line(progress)}\n`)
      },
    })
    process.stdout.write(`${line(result)}\n0 crashes, 0 cases that are slow each time\n`)
  })

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`

const line = (result: FuzzResult): string =>
  `${result.cases} cases, ${result.accepted} made a message, slowest ${result.slowestMs.toFixed(1)} ms, ` +
  `${result.stalls} over 100 ms once but not again, ` +
  `heap ${megabytes(result.heapBytes)}, resident ${megabytes(result.residentBytes)}`

try {
  program.parse()
} catch (error) {
  process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
