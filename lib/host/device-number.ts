/** `major:minor` in hex, as `stat -c %t:%T` and xenstore's `physical-device` have it. */
export function deviceNumber(device: bigint): string {
  const { major, minor } = majorMinor(device);
  return `${major.toString(16)}:${minor.toString(16)}`;
}

/** glibc's encoding of a device number (gnu_dev_major, gnu_dev_minor). */
export function majorMinor(device: bigint): { readonly major: bigint; readonly minor: bigint } {
  return {
    major: ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn),
    minor: (device & 0xffn) | ((device >> 12n) & ~0xffn),
  };
}
