import { XlError } from '../base/error.ts';

/** A place of a machine where a processor is, or can be plugged. */
export interface CpuSlot {
  /** Its number among the machine's processors, from 0 on. */
  readonly index: number;
  readonly plugged: boolean;
  /** The device that goes there, with the properties that say where: words of `device_add`. */
  readonly driver: string;
  readonly properties: Readonly<Record<string, number>>;
}

/** Machines have no more processors than this; an answer with more is none. */
const MOST_SLOTS = 4096;

/**
 * Reads the answer to `query-hotpluggable-cpus`, sorted by socket, core and thread. Throws XlError `qmp-answer-unexpected`.
 */
export function readCpuSlots(answer: unknown): CpuSlot[] {
  if (!Array.isArray(answer) || answer.length > MOST_SLOTS) throw unexpected();
  const slots = (answer as readonly unknown[]).map(readSlot);
  const order = ['node-id', 'socket-id', 'die-id', 'core-id', 'thread-id'];
  const compare = (a: Slot, b: Slot): number =>
    order.map((key) => (a.properties[key] ?? 0) - (b.properties[key] ?? 0)).find((difference) => difference !== 0) ?? 0;
  return slots.sort(compare).map((slot, index) => ({ index, ...slot }));
}

type Slot = Omit<CpuSlot, 'index'>;

function readSlot(item: unknown): Slot {
  if (typeof item !== 'object' || item === null || !('type' in item) || !('props' in item)) throw unexpected();
  const { type, props } = item;
  if (typeof type !== 'string' || typeof props !== 'object' || props === null) throw unexpected();
  const numbers = Object.entries(props).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1]));
  return { plugged: 'qom-path' in item, driver: type, properties: Object.fromEntries(numbers) };
}

const unexpected = (): XlError =>
  new XlError('qmp-answer-unexpected', 'QEMU’s answer to query-hotpluggable-cpus is no list of processors');
