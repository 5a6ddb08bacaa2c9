const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A size for people: exact, and in the largest unit of which there is at least one, `3221225472 bytes, 3.0 GiB`. */
export function sizeText(bytes: number): string {
  const unit = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  return unit === 0 ? `${bytes} bytes` : `${bytes} bytes, ${(bytes / 1024 ** unit).toFixed(1)} ${UNITS[unit]!}`;
}
