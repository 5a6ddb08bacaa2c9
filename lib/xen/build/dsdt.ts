import type { GuestVcpus } from './guest.ts';
import { pack, text, u32, u8 } from './pack.ts';

/**
 * The AML of a PVH guest's DSDT: one processor object a vcpu, whose numbers are those of the MADT's entries. No sleep
 * states: PVH has no PM1 registers, and its kernels power off by SCHEDOP_shutdown. Opcodes: ACPI 6.5, chapter 20.2.
 */
export function dsdtAml(vcpus: GuestVcpus): Uint8Array {
  const processors = Array.from({ length: vcpus.max }, (_, vcpu) => processor(vcpu, vcpu < vcpus.online));
  return withLength(u8(SCOPE), pack(ROOT, nameSegment('_SB_'), ...processors));
}

const SCOPE = 0x10;
const NAME = 0x08;
const BYTE = 0x0a;
const EXTENDED = 0x5b;
const PROCESSOR = 0x83;
const ROOT = text('\\');
/** Present, enabled, shown, functioning; or not there at all. */
const STATUS = { online: 0x0f, offline: 0 };

function processor(vcpu: number, online: boolean): Uint8Array {
  const name = `PR${vcpu.toString(16).toUpperCase().padStart(2, '0')}`;
  const status = online ? STATUS.online : STATUS.offline;
  return withLength(
    u8(EXTENDED, PROCESSOR),
    pack(
      nameSegment(name),
      // Its number, and no block of registers.
      u8(vcpu),
      u32(0),
      u8(0),
      pack(u8(NAME), nameSegment('_STA'), u8(BYTE, status)),
    ),
  );
}

/** Four characters, filled with underscores. */
const nameSegment = (name: string): Uint8Array => text(name.padEnd(4, '_'));

/**
 * An object: opcode, length, content. The length counts itself: 6 bits in one byte, or 4 bits and a byte more for each 8,
 * with the number of bytes that follow in the first one's top bits.
 */
function withLength(opcode: Uint8Array, content: Uint8Array): Uint8Array {
  const short = content.length + 1;
  if (short < 1 << 6) return pack(opcode, u8(short), content);
  const following = content.length + 2 < 1 << 12 ? 1 : 2;
  const length = content.length + 1 + following;
  const bytes = [(following << 6) | (length & 0xf), (length >> 4) & 0xff, (length >> 12) & 0xff];
  return pack(opcode, u8(...bytes.slice(0, following + 1)), content);
}
