/** Whether a dotted version (`4.17.7`, `4.23-unstable`) is the wanted one or newer; one that is no version counts as newest. */
export function isAtLeast(version: string, [wantedMajor, wantedMinor]: readonly [number, number]): boolean {
  const match = /^(\d+)\.(\d+)/.exec(version);
  if (match === null) return true;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
