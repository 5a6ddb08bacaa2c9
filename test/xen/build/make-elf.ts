/** Little ELF executables for tests: just what a loader reads. */
export interface ElfRecipe {
  readonly bits?: 32 | 64;
  readonly entry?: bigint;
  readonly segments: readonly SegmentRecipe[];
  readonly notes?: readonly NoteRecipe[];
  /** Where the notes go; a section is what old linkers leave. */
  readonly notesIn?: 'segment' | 'section';
}
export interface SegmentRecipe {
  readonly physical: bigint;
  readonly virtual?: bigint;
  readonly bytes: Uint8Array;
  readonly memorySize?: number;
}
export interface NoteRecipe {
  readonly name?: string;
  readonly type: number;
  readonly value: number | bigint | string | Uint8Array;
}

/** The file's bytes: header, program headers, section headers, notes, segments. */
export function makeElf({ bits = 64, entry = 0n, segments, notes = [], notesIn = 'segment' }: ElfRecipe): Uint8Array {
  const wide = bits === 64;
  const [headerSize, segmentSize, sectionSize] = wide ? [64, 56, 64] : [52, 32, 40];
  const noteBytes = Buffer.concat(notes.map(makeNote));
  const inSegment = notes.length > 0 && notesIn === 'segment';
  const inSection = notes.length > 0 && notesIn === 'section';
  const programHeaders = segments.length + (inSegment ? 1 : 0);
  // The first section is by rule a null one.
  const sectionHeaders = inSection ? 2 : 0;
  const sectionsAt = headerSize + programHeaders * segmentSize;
  const notesAt = sectionsAt + sectionHeaders * sectionSize;
  const contents = [noteBytes, ...segments.map(({ bytes }) => bytes)];
  const file = Buffer.alloc(notesAt + contents.reduce((sum, bytes) => sum + bytes.length, 0));
  const word = (value: bigint | number, at: number) =>
    wide ? file.writeBigUInt64LE(BigInt(value), at) : file.writeUInt32LE(Number(value), at);

  file.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, 1, 1]);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(wide ? 62 : 3, 18);
  word(entry, 24);
  word(headerSize, wide ? 32 : 28);
  word(sectionHeaders > 0 ? sectionsAt : 0, wide ? 40 : 32);
  const counts = wide ? 54 : 42;
  [segmentSize, programHeaders, sectionSize, sectionHeaders].forEach((value, index) =>
    file.writeUInt16LE(value, counts + index * 2),
  );

  let contentAt = notesAt;
  file.set(noteBytes, contentAt);
  if (inSection) {
    const section = sectionsAt + sectionSize;
    file.writeUInt32LE(7, section + 4);
    word(contentAt, section + (wide ? 24 : 16));
    word(noteBytes.length, section + (wide ? 32 : 20));
  }
  contentAt += noteBytes.length;
  let headerAt = headerSize;
  const programHeader = (type: number, offset: number, segment: SegmentRecipe) => {
    const { physical, virtual = physical, bytes, memorySize = bytes.length } = segment;
    file.writeUInt32LE(type, headerAt);
    file.writeUInt32LE(7, headerAt + (wide ? 4 : 24));
    [offset, virtual, physical, bytes.length, memorySize].forEach((value, index) =>
      word(value, headerAt + (wide ? 8 + index * 8 : 4 + index * 4)),
    );
    headerAt += segmentSize;
  };
  for (const segment of segments) {
    programHeader(1, contentAt, segment);
    file.set(segment.bytes, contentAt);
    contentAt += segment.bytes.length;
  }
  if (inSegment) programHeader(4, notesAt, { physical: 0n, bytes: noteBytes });
  return file;
}

function makeNote({ name = 'Xen', type, value }: NoteRecipe): Buffer {
  const description = describe(value);
  const head = Buffer.alloc(12);
  head.writeUInt32LE(name.length + 1, 0);
  head.writeUInt32LE(description.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, padded(Buffer.from(`${name}\0`)), padded(description)]);
}

function describe(value: NoteRecipe['value']): Buffer {
  if (typeof value === 'string') return Buffer.from(`${value}\0`);
  if (typeof value === 'object') return Buffer.from(value);
  const bytes = Buffer.alloc(typeof value === 'bigint' ? 8 : 4);
  if (typeof value === 'bigint') bytes.writeBigUInt64LE(value);
  else bytes.writeUInt32LE(value);
  return bytes;
}

const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** A bzImage of two setup sectors around this payload. */
export function makeBzImage(payload: Uint8Array, { version = 0x20f, length = payload.length } = {}): Buffer {
  const file = Buffer.alloc(3 * 512 + 64 + payload.length);
  file.writeUInt8(2, 0x1f1);
  file.write('HdrS', 0x202);
  file.writeUInt16LE(version, 0x206);
  file.writeUInt32LE(64, 0x248);
  file.writeUInt32LE(length, 0x24c);
  file.set(payload, 3 * 512 + 64);
  return file;
}
