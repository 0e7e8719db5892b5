/** One after the other, where there is only one of what is needed. */

/** Runs each once those before it have ended, however they ended. */
export function createTurns(): <T>(act: () => Promise<T>) => Promise<T> {
  let turn: Promise<unknown> = Promise.resolve()
  return (act) => {
    const acted = turn.then(act, act)
    turn = acted.catch(() => undefined)
    return acted
  }
}
