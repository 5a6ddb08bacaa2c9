import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAGE_SIZE, type Run } from '../../../lib/xen/build/build-plan.ts';
import type { GuestCase } from './guest-cases.ts';
import type { Sighting } from './observation.ts';

/**
 * Has the stock xl create a guest on a pretend hypervisor, and looks at what it did. `runner` is a script that runs xl with
 * its arguments, LD_PRELOADed with a library that answers Xen's ioctls, and leaves in $ORACLE_LOG: `guest.mem`, sparse,
 * frame N at N << 12; and `hypercalls.log`, with a line for each `param INDEX VALUE`, `claim PAGES`, `pod PAGES`,
 * `populate order O n N first GFN last GFN flags HEX`, `e820 ADDRESS SIZE TYPE`, `sethvm BYTES`, and
 * `mmapbatch dom D n N first GFN`, after `[shim] `.
 */
export function sightStockXl(runner: string, guest: GuestCase): Sighting {
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-oracle-'));
  try {
    const config = join(directory, 'guest.cfg');
    writeFileSync(config, xlConfig(guest, directory, runner));
    // What xl 4.17 leaves uninitialised between its tables comes out zero: malloc's bytes are this one's complement.
    const env = { ...process.env, ORACLE_LOG: join(directory, 'log'), MALLOC_PERTURB_: '255' };
    // -e: nothing stays behind to watch a domain that is none.
    execFileSync(runner, ['create', '-p', '-e', config], { env, stdio: ['ignore', 'ignore', 'inherit'] });
    const lines = readFileSync(join(directory, 'log', 'hypercalls.log'), 'utf8').split('\n');
    return sight(lines, join(directory, 'log', 'guest.mem'));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function xlConfig(guest: GuestCase, directory: string, runner: string): string {
  const file = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(directory, name), bytes);
    return `"${join(directory, name)}"`;
  };
  const { memory, vcpus } = guest.config;
  const keys: Record<string, string | number> = {
    name: `"${guest.name}"`,
    type: `"${guest.type}"`,
    memory: memory.targetKiB / 1024,
    maxmem: memory.maxKiB / 1024,
    vcpus: vcpus.online,
    maxvcpus: vcpus.max,
    ...guest.keys,
  };
  if (guest.type === 'pvh') {
    const { kernel, cmdline, modules } = guest.config;
    const inner = modules.find(({ what }) => what === 'inner kernel');
    if (inner !== undefined) keys.pvshim_path = file('shim', kernel);
    keys.kernel = file('kernel', inner?.bytes ?? kernel);
    const line = inner === undefined ? cmdline : inner.cmdline;
    if (line !== null) keys.cmdline = `"${line}"`;
    const ramdisk = modules.find(({ what }) => what === 'ramdisk');
    if (ramdisk !== undefined) keys.ramdisk = file('ramdisk', ramdisk.bytes);
  } else {
    keys.firmware_override = file('loader', guest.config.loader);
    keys.bios_path_override = file('bios', guest.config.bios);
    keys.device_model_version = '"qemu-xen"';
    keys.device_model_override = `"${join(runner, '..', 'fake-qemu')}"`;
  }
  return Object.entries(keys)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function sight(lines: readonly string[], memoryFile: string): Sighting {
  const words = lines.map((line) => line.replace('[shim] ', '').split(' '));
  const of = (name: string) => words.filter(([first]) => first === name);
  const hex = (word: string | undefined) => Number.parseInt(word!, 16);
  return {
    claims: of('claim').map(([, pages]) => Number(pages)),
    podTarget: of('pod').map(([, pages]) => Number(pages))[0] ?? null,
    runs: of('populate').map(([, , order, , count, , first, , , , flags]) => ({
      gfn: hex(first),
      order: Number(order) as Run['order'],
      count: Number(count),
      onDemand: (hex(flags) & 0x10000) !== 0,
    })),
    memoryMap: of('e820').map(([, address, size, type]) => ({
      address: hex(address),
      size: hex(size),
      type: Number(type),
    })),
    params: new Map(of('param').map(([, index, value]) => [Number(index), Number(value)])),
    contexts: of('sethvm').map(([, bytes]) => Buffer.from(bytes!, 'hex')),
    frames: framesOf(
      memoryFile,
      of('mmapbatch').map(([, , , , count, , first]) => [hex(first), Number(count)]),
    ),
  };
}

function framesOf(file: string, mapped: readonly (readonly [number, number])[]): Map<number, Uint8Array> {
  const frames = new Map<number, Uint8Array>();
  const handle = openSync(file, 'r');
  for (const [first, count] of mapped) {
    const content = Buffer.alloc(count * PAGE_SIZE);
    readSync(handle, content, 0, content.length, first * PAGE_SIZE);
    for (let frame = 0; frame < count; frame += 1) {
      frames.set(first + frame, content.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE));
    }
  }
  closeSync(handle);
  return frames;
}
