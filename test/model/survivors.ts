/** Mutants that no exploration can tell from the real tables, and why. */
export const SURVIVORS: Readonly<Record<string, string>> = {
  "askRollbackReboot.restores: none -> true": "only rollback's ok leads here, and it restores",
  "verifyRollbackReboot.restores: none -> true": "only rollback's ok leads here, and it restores",
  "cleanup.restores: none -> true": "the snapshot is dropped with this step",
  "rollbackReboot.crashFails: none -> true": "only a managed update comes here, and it has failed already",
  "verifyRollbackReboot.crashFails: none -> true": "only a managed update comes here, and it has failed already",
  "commit at @commit: commit -> resume": "to go on from a rest is to enter the state that it rests before",
  "rollback at @rollback: rollback -> resume": "to go on from a rest is to enter the state that it rests before",
  "rollback at rollback: rollback -> resume": "the crash column of rollback is rollback",
};
