import { t, type Text } from '../base/text.ts';

/** One `key=value` of an option's argument; null leaves it out. */
export type OptionPair = readonly [key: string, value: Text | number | null];

/**
 * An argument in QEMU's comma-separated form: `head,key=value,…`, every comma in a value doubled as QEMU's parser
 * wants it (qemu/util/qemu-option.c). libxl does not, so there a path with a comma breaks the option.
 */
export function optionString(head: Text | null, pairs: readonly OptionPair[]): Text {
  const items = pairs.flatMap(([key, value]) => (value === null ? [] : [t`${key}=${escapeCommas(value)}`]));
  const all = head === null ? items : [escapeCommas(head), ...items];
  return all.reduce((joined, item) => t`${joined},${item}`);
}

/** Doubles the commas of the literal parts. A hole's value is taken to have none: domids and device nodes have not. */
export function escapeCommas(value: Text | number): Text {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value.replaceAll(',', ',,');
  return { parts: value.parts.map((part) => (typeof part === 'string' ? part.replaceAll(',', ',,') : part)) };
}
