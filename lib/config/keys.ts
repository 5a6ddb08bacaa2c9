import { bootKeys } from './keys/boot.ts';
import { deviceModelKeys } from './keys/device-model.ts';
import { deviceKeys } from './keys/devices.ts';
import { displayKeys } from './keys/display.ts';
import { generalKeys } from './keys/general.ts';
import { limitKeys } from './keys/limits.ts';
import { machineKeys } from './keys/machine.ts';
import type { KeyRow, ValueOf } from './keys/row.ts';
import { xmKeys } from './keys/xm.ts';

export type { DomainType, KeyRow, KeyType, Support, Unit } from './keys/row.ts';

/** Groups of keys in the order in which the manual shows them. */
export const keyGroups: readonly { readonly title: string; readonly rows: readonly KeyRow[] }[] = [
  { title: 'The domain', rows: generalKeys },
  { title: 'Booting', rows: bootKeys },
  { title: 'Devices', rows: deviceKeys },
  { title: 'The machine', rows: machineKeys },
  { title: 'Screen, serial ports, sound and USB', rows: displayKeys },
  { title: 'The device model', rows: deviceModelKeys },
  { title: 'Scheduling and limits', rows: limitKeys },
  { title: 'Keys of xm', rows: xmKeys },
];

/** THE table: every key of xl.cfg by its name. A key is added by adding its row. */
export const keyTable: ReadonlyMap<string, KeyRow> = new Map(
  keyGroups.flatMap((group) => group.rows.map((row) => [row.name, row] as const)),
);

type TypedRow =
  | (typeof generalKeys)[number]
  | (typeof bootKeys)[number]
  | (typeof deviceKeys)[number]
  | (typeof limitKeys)[number]
  | (typeof machineKeys)[number]
  | (typeof displayKeys)[number]
  | (typeof deviceModelKeys)[number];

/** Names of the keys that xl reads. */
export type KeyName = TypedRow['name'];

/**
 * The value of every key of xl, those included that this project cannot act on yet; `null` is "not said", the defaults are
 * the planner's to fill in.
 */
export type KeyValues = { readonly [Row in TypedRow as Row['name']]: ValueOf<Row> | null };

/** The rows of those keys. */
export const keyRows: readonly KeyRow[] = keyGroups.flatMap(({ rows }) => rows).filter((row) => !xmKeys.includes(row));
