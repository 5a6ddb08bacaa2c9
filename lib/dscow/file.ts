/**
 * A file of numbered bytes, as the format needs it: the door between the pure code here and a disk. The real one is in
 * lib/host/dscow/file.ts; the tests have one that loses power.
 */
export interface BlockFile {
  /** Fills the target with the bytes from an offset on; what lies past the file's end reads as zero. */
  read(target: Uint8Array, offset: number): Promise<void>;
  /** Writes the pieces one behind the other from an offset on; they must not change until it resolves. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>;
  /** Resolves when all writes that had resolved before the call will survive a power cut (fdatasync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}
