import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { XlError } from '../../base/error.ts';
import type { ImageFormat } from '../../base/facts.ts';
import type { BlockFile } from '../../dscow/file.ts';
import type { BaseIdentity, Header } from '../../dscow/header.ts';
import { probeImage } from '../../disk/probe.ts';
import { blockSize } from '../facts/block-size.ts';
import { readImage } from '../facts/image.ts';
import { systemReason } from '../input.ts';
import { openBlockFile } from './file.ts';

/** Bytes at the beginning and at the end that make a base's identity. */
const SAMPLE = 1024 * 1024;

/** Whatever of a base can be had without reading it. */
export type BaseState = Pick<BaseIdentity, 'size' | 'mtimeNs'>;

/** Size and time of a base. A device's time says nothing of its content, so it counts as unknown. Throws `dscow-base-missing`. */
export async function lookAtBase(path: string): Promise<BaseState> {
  const found = await stat(path, { bigint: true }).catch((error: unknown) => {
    throw new XlError('dscow-base-missing', `cannot look at the base ${path}: ${systemReason(error)}`, {
      cause: error,
      hint: 'the overlay holds only what was changed; `xl dscow rebase FILE BASE` says where the base is now',
    });
  });
  if (found.isFile()) return { size: Number(found.size), mtimeNs: found.mtimeNs };
  if (found.isBlockDevice()) return { size: await blockSize(found.rdev), mtimeNs: 0n };
  throw new XlError('dscow-base-missing', `the base ${path} is neither a file nor a block device`);
}

/** A base as a header names it, its content sampled. Throws `dscow-base-format` for an image that is not raw. */
export async function identifyBase(path: string): Promise<BaseIdentity> {
  const state = await lookAtBase(path);
  if (state.size === 0) throw new XlError('dscow-base-empty', `the base ${path} is empty`);
  await requireRaw(path);
  const file = await openBase(path);
  try {
    return { path, ...state, id: await sampleOf(file, state.size) };
  } finally {
    await file.close();
  }
}

/** Opens a base for reading. */
export async function openBase(path: string): Promise<BlockFile> {
  try {
    return await openBlockFile(path, 'r');
  } catch (error) {
    throw new XlError('dscow-base-missing', `cannot open the base ${path}: ${systemReason(error)}`, {
      cause: error,
    });
  }
}

/** SHA-256 over the first and the last MiB, in hexadecimal; of a smaller base both are the whole. */
export async function sampleOf(file: BlockFile, size: number): Promise<string> {
  const length = Math.min(SAMPLE, size);
  const sample = Buffer.alloc(length);
  const hash = createHash('sha256');
  for (const offset of [0, size - length]) {
    await file.read(sample, offset);
    hash.update(sample);
  }
  return hash.digest('hex');
}

/** Throws XlError `dscow-base-changed` where the base is not as it was: every unchanged block would be another. */
export function requireSameBase({ base, committing }: Header, now: BaseState, name: string): void {
  const changes = baseChanges({ base, committing }, now);
  if (changes.length === 0) return;
  throw new XlError('dscow-base-changed', `the base image of ${name} changed since the overlay was made`, {
    evidence: [{ title: base.path, lines: changes }],
    hint: 'an overlay over a changed base is most likely corrupt; use --force-base if you know better',
  });
}

/** In words, what of a base is not as the header says. A commit that was interrupted has changed its time itself. */
export function baseChanges({ base, committing }: Pick<Header, 'base' | 'committing'>, now: BaseState): string[] {
  const changes: string[] = [];
  if (base.size !== now.size) changes.push(`it had ${base.size} bytes and has ${now.size}`);
  const known = base.mtimeNs !== 0n && now.mtimeNs !== 0n;
  if (known && base.mtimeNs !== now.mtimeNs && !committing) {
    changes.push(`it was written last at ${timeOf(base.mtimeNs)} and now at ${timeOf(now.mtimeNs)}`);
  }
  return changes;
}

const timeOf = (ns: bigint): string => new Date(Number(ns / 1_000_000n)).toISOString();

/** Formats whose bytes are not the disk's; an overlay over one would show the guest its header. */
const CONTAINERS: readonly ImageFormat[] = ['qcow', 'qcow2', 'vhd', 'vhdx', 'qed', 'vmdk', 'vdi'];

async function requireRaw(path: string): Promise<void> {
  const image = await readImage(path);
  if (image.state !== 'ok') return;
  const { format } = probeImage(image);
  if (!CONTAINERS.includes(format)) return;
  throw new XlError('dscow-base-format', `the base ${path} is a ${format} image; dscow stands on raw ones`, {
    hint:
      format === 'qcow2'
        ? `make a qcow2 overlay: qemu-img create -f qcow2 -b ${path} -F qcow2 OVERLAY.qcow2, and use format=qcow2`
        : `convert it first: qemu-img convert -O raw ${path} BASE.img`,
  });
}
