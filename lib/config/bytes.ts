/**
 * Text of configurations is UTF-8. A byte that is not becomes the lone surrogate U+DC00 + byte (as Python's
 * `surrogateescape`), so that reading loses nothing: `encodeText` gives the same bytes back.
 */
export function decodeText(bytes: Uint8Array): { text: string; firstBadByte: number | null } {
  const pieces: string[] = [];
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let start = 0;
  let firstBadByte: number | null = null;
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    firstBadByte ??= at;
    pieces.push(decoder.decode(bytes.subarray(start, at)), String.fromCharCode(0xdc00 + bytes[at]!));
    start = ++at;
  }
  pieces.push(decoder.decode(bytes.subarray(start)));
  return { text: pieces.join(''), firstBadByte };
}

/** The bytes of a text, those included that `decodeText` could not read as UTF-8. */
export function encodeText(text: string): Uint8Array {
  const encoder = new TextEncoder();
  const parts = text
    .split(/(?<![\uD800-\uDBFF])([\uDC80-\uDCFF])/)
    .map((part, index) => (index % 2 === 0 ? encoder.encode(part) : Uint8Array.of(part.charCodeAt(0) - 0xdc00)));
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The length of the UTF-8 sequence at an offset, 0 where there is none (RFC 3629). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let index = 1; index < length; index++) {
    const next = bytes[at + index] ?? 0;
    const least = index > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const greatest = index > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (next < least || next > greatest) return 0;
  }
  return length;
}
