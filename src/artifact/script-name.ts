/** State scripts that an Artifact may contain. Idle, Sync and Download scripts belong to the device's own image. */
const NAME =
  /^Artifact(?:Install|Reboot|Rollback|RollbackReboot|Commit|Failure)_(?:Enter|Leave|Error)_[0-9]{2}(?:_\S+)?$/;

/** @see Artifact format v3, section 7.4 */
export function isArtifactScriptName(name: string): boolean {
  return NAME.test(name) && !name.includes("/");
}
