/**
 * SHA-256 of the archives of nats-server's releases, by version and by the name of the archive's
 * folder. `node nats/binary/release-hashes-write.ts` prints a release's, for whoever may vouch for them.
 *
 * Empty for now: a hash that was not compared by a person says no more than the page it came from.
 * Until there is one, no release is downloaded, and nats-server is built by `go install`, whose own
 * checksum database guards it.
 */
export const RELEASE_HASHES: Readonly<Record<string, Readonly<Record<string, string>>>> = {}
