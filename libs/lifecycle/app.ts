/** What a running app is, to those who start one: its own process, `xmidt up`, or a test. */

/** A running app. Disposing it ends it in order: nothing new is taken, what is owed is finished. */
export interface App extends AsyncDisposable {
  /** Where its primary server answers, such as `http://127.0.0.1:6200`. */
  readonly url: string
  /** Where `/livez`, `/readyz`, `/health` and `/metrics` are; undefined when they are off. */
  readonly operationsUrl: string | undefined
}
