import { readdir, readFile } from 'node:fs/promises';
import type { ToolFacts } from '../../base/facts.ts';
import { mapLimited } from './limit.ts';
import { findProgram } from './qemu.ts';

/** blktap's tools and the block scripts of a directory. */
export async function toolFacts(scripts: string): Promise<ToolFacts> {
  const [tapCtl, blockScripts] = await Promise.all([findProgram('tap-ctl'), listBlockScripts(scripts)]);
  return { tapCtl, tapback: tapCtl !== null && (await runs('tapback')), blockScripts };
}

/** `block-common.sh` is sourced by the others; it is no script for a disk. */
async function listBlockScripts(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => /^block(-|$)/.test(name) && !name.endsWith('.sh')).sort();
}

async function runs(command: string): Promise<boolean> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const names = await mapLimited(pids, 16, (pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''));
  return names.some((name) => name.trim() === command);
}
