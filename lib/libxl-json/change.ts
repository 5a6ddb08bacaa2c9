import { unreachable, XlError } from '../base/error.ts';
import { isObject, printJson, type JsonObject, type JsonValue } from './json.ts';

/**
 * A change to the configuration that is kept of a domain, as data: a plan prints it, a journal keeps its way back. It is
 * applied to what the file holds at that moment, under libxl's lock.
 */
export type KeptChange =
  /** Puts a device at the end of its list; one of the same name gives way where it stands. */
  | { readonly change: 'put'; readonly list: DeviceList; readonly device: JsonObject }
  /** Takes a device out of its list; one that is not there is fine. */
  | { readonly change: 'drop'; readonly list: DeviceList; readonly name: DeviceName }
  /** Names the domain; with `from` only if it has that name. */
  | { readonly change: 'name'; readonly to: string; readonly from?: string };

/** The lists that change while a domain lives. */
export type DeviceList = 'disks' | 'nics';
/** What a device is known by: a disk's `vdev`, an interface's `devid`. */
export type DeviceName = string | number;

/** The field by which libxl knows a device of the list again. */
const NAMED_BY = { disks: 'vdev', nics: 'devid' } as const satisfies Readonly<Record<DeviceList, string>>;

/** The device lists in libxl's order, and what stands behind them. */
const BEHIND: Readonly<Record<DeviceList, readonly string[]>> = {
  disks: ['c_info', 'b_info'],
  nics: ['c_info', 'b_info', 'disks'],
};

/** The text of the file after the change. Throws XlError `userdata-broken` where it is no configuration. */
export function changedText(text: string, change: KeptChange): string {
  const end = /\0*$/.exec(text)![0];
  return `${printJson(changed(parseKept(text), change))}${end}`;
}

/** The text of a kept configuration as an object. Throws XlError `userdata-broken`. */
export function parseKept(text: string): JsonObject {
  try {
    const config: unknown = JSON.parse(text.replace(/\0+$/, ''));
    if (isObject(config) && isObject(config.c_info) && isObject(config.b_info)) return config;
  } catch {
    // What is no JSON is no configuration either.
  }
  throw new XlError('userdata-broken', 'what is kept of the domain’s configuration cannot be read', {
    hint: 'the userdata file of the domain is damaged; it can be moved away, as nothing runs by it',
  });
}

function changed(config: JsonObject, change: KeptChange): JsonObject {
  switch (change.change) {
    case 'put':
      return put(config, change);
    case 'drop':
      return withList(
        config,
        change.list,
        devicesIn(config, change.list).filter((device) => device[NAMED_BY[change.list]] !== change.name),
      );
    case 'name':
      return rename(config, change);
    default:
      return unreachable(change);
  }
}

function put(config: JsonObject, { list, device }: Extract<KeptChange, { change: 'put' }>): JsonObject {
  const field = NAMED_BY[list];
  const devices = devicesIn(config, list);
  const place = devices.findIndex((other) => other[field] === device[field]);
  return withList(config, list, place < 0 ? [...devices, device] : devices.with(place, device));
}

function rename(config: JsonObject, { to, from }: Extract<KeptChange, { change: 'name' }>): JsonObject {
  const { c_info: info } = config;
  if (!isObject(info) || (from !== undefined && info.name !== from)) return config;
  return { ...config, c_info: { ...info, name: to } };
}

function devicesIn(config: JsonObject, list: DeviceList): readonly JsonObject[] {
  const devices = config[list];
  return Array.isArray(devices) ? (devices as readonly JsonValue[]).filter(isObject) : [];
}

/** An empty list is left out; a new one gets its place in libxl's order. */
function withList(config: JsonObject, list: DeviceList, devices: readonly JsonObject[]): JsonObject {
  const fields = Object.entries(config);
  const there = fields.findIndex(([name]) => name === list);
  const place = there >= 0 ? there : fields.findLastIndex(([name]) => BEHIND[list].includes(name)) + 1;
  const entry: [string, JsonValue][] = devices.length === 0 ? [] : [[list, devices]];
  return Object.fromEntries(fields.toSpliced(place, there >= 0 ? 1 : 0, ...entry));
}
