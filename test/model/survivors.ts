/** Mutants that no exploration can tell from the real tables, and why. */
export const SURVIVORS: Readonly<Record<string, string>> = {
  "askRollbackReboot.restores: none -> true": "only rollback's ok leads here, and it restores",
  "rollbackReboot.restores: none -> true": "only rollback's ok leads here, and it restores",
  "verifyRollbackReboot.restores: none -> true": "only rollback's ok leads here, and it restores",
  "sendLog.restores: none -> true": "the snapshot is dropped with this step",
  "rollbackReboot.crashFails: none -> true": "only a managed update comes here, and it has failed already",
  "verifyRollbackReboot.crashFails: none -> true": "only a managed update comes here, and it has failed already",
  "sendLog.crashFails: none -> true": "only an update that has failed comes here",
  "askRollbackReboot.settled: none -> true":
    "an update that fails here has failed already, or the user has asked for it",
  "rollbackReboot.settled: none -> true": "only a managed update comes here, and it has failed already",
  "verifyRollbackReboot.settled: none -> true": "only a managed update comes here, and it has failed already",
  "sendLog.settled: none -> true": "only an update that has failed comes here",
  "download.managed: none -> true": "an update begins here and is not led here",
  "reboot.managed: none -> true": "only a managed update is led here",
  "verifyReboot.managed: none -> true": "only a managed update is led here",
  "rollbackReboot.managed: none -> true": "only a managed update is led here",
  "verifyRollbackReboot.managed: none -> true": "only a managed update is led here",
  "commit at @commit: commit -> resume": "to go on from a rest is to enter the state that it rests before",
  "commit at @commit: commit -> reachServer": "a standalone update goes from there to commit at once",
  "rollback at @rollback: rollback -> resume": "to go on from a rest is to enter the state that it rests before",
  "rollback at rollback: rollback -> resume": "the crash column of rollback is rollback",
};
