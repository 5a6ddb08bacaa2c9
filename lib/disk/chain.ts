import { posix } from 'node:path';
import type { BackingFacts, ImageFacts } from '../base/facts.ts';
import { probeImage, type Probe, type ProbeInput } from './probe.ts';

/**
 * Opens an image for a probe: regular files and block devices only, everything else is `unreadable` without being
 * opened, since a guest may have chosen the path. The bytes are those that `ProbeInput` asks for.
 */
export type ReadImage = (
  path: string,
) => Promise<ImageBytes | { readonly state: 'missing' | 'unreadable' | 'directory' }>;

export type ImageBytes = ProbeInput & {
  readonly state: 'ok';
  /** `dev:ino`, by which a chain that bites its tail is known. */
  readonly identity: string;
};

/** A longer chain is not followed: QEMU would open as many files for one disk. */
export const LONGEST_CHAIN = 64;

/** What an image's header says, and all images that it rests on. Null where the image itself cannot be read. */
export async function imageFacts(path: string, read: ReadImage): Promise<ImageFacts | null> {
  const top = await read(path);
  return top.state === 'ok' ? factsBelow(path, top, [], read) : null;
}

async function factsBelow(
  path: string,
  image: ImageBytes,
  above: readonly string[],
  read: ReadImage,
): Promise<ImageFacts> {
  const { format, virtualSize, backing, problems } = probeImage(image);
  const seen = [...above, image.identity];
  return {
    format,
    virtualSize,
    problems,
    backing: backing === null ? null : await backingFacts(path, backing, seen, read),
  };
}

async function backingFacts(
  path: string,
  { name, declaredFormat }: NonNullable<Probe['backing']>,
  seen: readonly string[],
  read: ReadImage,
): Promise<BackingFacts> {
  const backing = backingPath(path, name);
  const ends = (state: BackingFacts['state']): BackingFacts => ({
    name,
    path: backing,
    declaredFormat,
    state,
    image: null,
  });
  if (backing === null) return ends('not-a-file');
  if (seen.length >= LONGEST_CHAIN) return ends('too-deep');
  const image = await read(backing);
  if (image.state !== 'ok') return ends(image.state);
  if (seen.includes(image.identity)) return ends('cycle');
  // What is declared raw is not followed, whatever its first bytes pretend: QEMU does not either.
  const facts =
    declaredFormat === 'raw' ? { ...withoutChain(image), backing: null } : await factsBelow(backing, image, seen, read);
  return { ...ends('ok'), image: facts };
}

function withoutChain(image: ImageBytes): Omit<ImageFacts, 'backing'> {
  const { format, virtualSize, problems } = probeImage(image);
  return { format, virtualSize, problems };
}

/** Where a backing file is, relative to the image that names it; null for QEMU's `json:` and `PROTOCOL:` names. */
export function backingPath(image: string, name: string): string | null {
  const local = name.startsWith('file:') ? name.slice('file:'.length) : name;
  if (/^[^/]*:/.test(local) || local.includes('\0')) return null;
  return posix.isAbsolute(local) ? local : posix.join(posix.dirname(image), local);
}
