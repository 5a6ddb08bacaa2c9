import { describe, expect, it } from 'vitest';
import { ACPI_BASE, acpiTables } from '../../../lib/xen/build/acpi.ts';
import { PAGE_SIZE, paint, type WriteStep } from '../../../lib/xen/build/build-plan.ts';
import { dsdtAml } from '../../../lib/xen/build/dsdt.ts';

const vcpusOf = (max: number, online = max) => ({ max, online });

/** The processors of a DSDT's AML, read by its grammar: Scope (\_SB) { Processor (name, id, 0, 0) { Name (_STA, …) } … }. */
function processorsOf(aml: Uint8Array): { name: string; id: number; status: number }[] {
  const bytes = Buffer.from(aml);
  let at = 0;
  const expectBytes = (...expected: readonly number[]) => {
    expect([...bytes.subarray(at, at + expected.length)]).toEqual(expected);
    at += expected.length;
  };
  const name = () => bytes.subarray(at, (at += 4)).toString('latin1');
  const end = () => {
    const start = at;
    const lead = bytes[at++]!;
    let length = lead >> 6 === 0 ? lead & 0x3f : lead & 0xf;
    for (let byte = 0; byte < lead >> 6; byte += 1) length += bytes[at++]! * 2 ** (4 + byte * 8);
    return start + length;
  };
  const found: { name: string; id: number; status: number }[] = [];
  expectBytes(0x10);
  const scopeEnd = end();
  expectBytes(...Buffer.from('\\_SB_'));
  while (at < scopeEnd) {
    expectBytes(0x5b, 0x83);
    const processorEnd = end();
    const processor = { name: name(), id: bytes[at++]! };
    expectBytes(0, 0, 0, 0, 0, 0x08);
    expect(name()).toBe('_STA');
    expectBytes(0x0a);
    found.push({ ...processor, status: bytes[at++]! });
    expect(at).toBe(processorEnd);
  }
  expect(at).toBe(scopeEnd);
  expect(at).toBe(bytes.length);
  return found;
}

describe('the DSDT', () => {
  it.each([1, 2, 3, 16, 128])('has %i processors', (count) => {
    const processors = processorsOf(dsdtAml(vcpusOf(count)));
    expect(processors.map(({ id }) => id)).toEqual([...Array(count).keys()]);
    expect(new Set(processors.map(({ name }) => name)).size).toBe(count);
    expect(processors.every(({ name, status }) => /^PR[0-9A-F]{2}$/.test(name) && status === 0xf)).toBe(true);
  });

  it('says which are not there yet', () => {
    expect(processorsOf(dsdtAml(vcpusOf(3, 1)))).toEqual([
      { name: 'PR00', id: 0, status: 0xf },
      { name: 'PR01', id: 1, status: 0 },
      { name: 'PR02', id: 2, status: 0 },
    ]);
  });
});

/** The tables in memory, found as a kernel does: from the root on, every checksum checked. */
function walk(max: number, online: number, lowRsdp: boolean) {
  const tables = acpiTables({ vcpus: vcpusOf(max, online), aml: dsdtAml(vcpusOf(max, online)), lowRsdp });
  const writes = tables.steps.filter((step): step is WriteStep => step.do === 'write');
  const images = writes.map((step) => {
    const memory = Buffer.alloc(step.frames * PAGE_SIZE, 0xee);
    paint(step, memory);
    return { base: step.gfn * PAGE_SIZE, memory };
  });
  const at = (address: number, size: number) => {
    const image = images.find(({ base, memory }) => address >= base && address + size <= base + memory.length)!;
    return image.memory.subarray(address - image.base, address - image.base + size);
  };
  const table = (address: number) => {
    const bytes = at(address, at(address + 4, 4).readUInt32LE());
    expect(sum(bytes)).toBe(0);
    return { signature: bytes.toString('latin1', 0, 4), bytes };
  };
  const root = at(tables.rsdp, 36);
  expect(root.toString('latin1', 0, 8)).toBe('RSD PTR ');
  expect([sum(root.subarray(0, 20)), sum(root)]).toEqual([0, 0]);
  const rsdt = table(root.readUInt32LE(16)).bytes;
  const xsdt = table(Number(root.readBigUInt64LE(24))).bytes;
  const old = [36, 40].map((offset) => table(rsdt.readUInt32LE(offset)));
  const listed = [36, 44].map((offset) => table(Number(xsdt.readBigUInt64LE(offset))));
  const fadt = listed[0]!.bytes;
  return {
    tables,
    old: old.map(({ signature }) => signature),
    listed: listed.map(({ signature }) => signature),
    dsdt: table(Number(fadt.readBigUInt64LE(140))),
    sameDsdt: [old[0]!.bytes, fadt].map((bytes) => bytes.readUInt32LE(40)),
    facs: at(fadt.readUInt32LE(36), 64).toString('latin1', 0, 4),
    madt: listed[1]!.bytes,
  };
}
const sum = (bytes: Uint8Array): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

describe('the ACPI tables', () => {
  it.each([
    [1, 1, false],
    [3, 2, true],
    [128, 128, false],
  ])('of %i vcpus, %i online, root below 1 MiB: %s, lead to each other', (max, online, low) => {
    const { tables, old, listed, dsdt, sameDsdt, facs, madt } = walk(max, online, low);
    expect([old, listed, facs, dsdt.signature]).toEqual([['FACP', 'APIC'], ['FACP', 'APIC'], 'FACS', 'DSDT']);
    expect(sameDsdt[0]).toBe(sameDsdt[1]);
    expect(processorsOf(dsdt.bytes.subarray(36))).toHaveLength(max);
    const apics = Array.from({ length: max }, (_, vcpu) => [...madt.subarray(44 + vcpu * 8, 52 + vcpu * 8)]);
    expect(madt).toHaveLength(44 + max * 8);
    expect(apics).toEqual(apics.map((_, vcpu) => [0, 8, vcpu, vcpu * 2, vcpu < online ? 1 : 0, 0, 0, 0]));
    expect(tables.rsdp).toBe(low ? 0xfffc0 : tables.entries[0]!.address);
    expect(tables.entries[1]).toEqual({ address: ACPI_BASE, size: PAGE_SIZE, type: 'acpi-nvs' });
  });

  it('lie in frames that they populate, and that the memory map keeps', () => {
    const { tables } = walk(128, 128, false);
    const [populate] = tables.steps;
    if (populate?.do !== 'populate') throw new Error('nothing is populated first');
    const { gfn, count } = populate.run;
    const kept = tables.entries.flatMap(({ address, size }) =>
      Array.from({ length: Math.ceil(size / PAGE_SIZE) }, (_, page) => address / PAGE_SIZE + page),
    );
    expect(kept.sort((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, index) => gfn + index));
  });

  it('leave the frame of a low root as it is', () => {
    const { tables } = walk(1, 1, true);
    expect(tables.steps.at(-1)).toMatchObject({ do: 'write', gfn: 0xff, frames: 1, rest: 'keep' });
  });
});
