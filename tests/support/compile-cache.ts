/**
 * Where Node keeps what it compiled, for the processes that tests and rigs start by the hundred: to
 * read, strip and compile the files is half of the time that an app needs to start.
 */
export const COMPILE_CACHE: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? 'node_modules/.cache/compiled',
}
