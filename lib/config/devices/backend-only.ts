import {
  missing,
  parseOptions,
  readOptions,
  type DeviceWords,
  type FieldsOf,
  type OptionNode,
  type WordFinding,
  type WordReading,
} from '../options.ts';
import type { Dialect } from '../syntax.ts';

/** `vtpm`, `p9` and `pvcalls`: devices that are little more than the domain that serves them. */
const backend = { field: 'backendDomname', type: 'text' } as const;
const vtpm = { backend, uuid: { field: 'uuid', type: 'text' } } as const;
const pvcalls = { backend } as const;
const p9 = {
  tag: { field: 'tag', type: 'text' },
  path: { field: 'path', type: 'text' },
  security_model: { field: 'securityModel', type: 'text' },
  backend,
  type: { field: 'type', type: 'words', words: ['qemu', 'xen_9pfsd'] },
  'max-files': { field: 'maxFiles', type: 'number' },
  'max-open-files': { field: 'maxOpenFiles', type: 'number' },
  'max-space': { field: 'maxSpace', type: 'number' },
  'auto-delete': { field: 'autoDelete', type: 'flag' },
} as const;

/** A virtual TPM as the user asked for it (`libxl_device_vtpm`). */
export type Vtpm = FieldsOf<typeof vtpm>;
/** A directory of the host, shared by 9pfs (`libxl_device_p9`); what follows `backendDomname` is of Xen 4.20. */
export type P9 = FieldsOf<typeof p9>;
/** A backend for the guest's sockets (`libxl_device_pvcallsif`). */
export type Pvcalls = FieldsOf<typeof pvcalls>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Reads a word of the `vtpm` list. */
export function readVtpm(word: string, dialect: Dialect): WordReading<Vtpm> {
  const device = words('vtpm', 'vtpm', 'a virtual TPM', dialect);
  const { value, findings } = readOptions(withValue(word, vtpm), vtpm, device);
  const problems: WordFinding[] = [...findings];
  if (value.uuid !== null && !UUID.test(value.uuid)) {
    problems.push({
      severity: 'error',
      code: 'vtpm-uuid',
      message: `${value.uuid} is no uuid`,
      hint: 'it looks like 3fe4ab32-2b75-4b9e-8d45-3d9b2a0c8a11',
      start: word.indexOf(value.uuid),
      length: Math.max(1, value.uuid.length),
      xl: `Failed to parse vtpm UUID: ${value.uuid}`,
    });
  }
  if (problems.length === 0 && value.backendDomname === null) {
    problems.push(missing(device, 'backend', word, 'vtpm spec missing required backend field!'));
  }
  return { value: { ...value, uuid: value.uuid?.toLowerCase() ?? null }, findings: problems };
}

/** Reads a word of the `p9` list. */
export function readP9(word: string, dialect: Dialect): WordReading<P9> {
  const device = words('p9', '9pfs', 'a shared directory', dialect);
  const { value, findings } = readOptions(withValue(word, p9), p9, device);
  if (findings.length > 0) return { value, findings };
  // xen-9pfsd knows no security model.
  const needed = value.type === 'xen_9pfsd' ? (['tag', 'path'] as const) : (['tag', 'path', 'security_model'] as const);
  const absent = needed.find((key) => value[p9[key].field] === null);
  if (absent === undefined) return { value, findings };
  return { value, findings: [missing(device, absent, word, '9pfs spec missing required field!')] };
}

/** Reads a word of the `pvcalls` list. */
export function readPvcalls(word: string, dialect: Dialect): WordReading<Pvcalls> {
  return readOptions(withValue(word, pvcalls), pvcalls, words('pvcalls', 'pvcalls', 'a PV calls device', dialect));
}

const words = (kind: string, name: string, noun: string, dialect: Dialect): DeviceWords => ({
  kind,
  noun,
  dialect,
  unknown: ({ key }) => `Unknown string \`${key}' in ${name} spec`,
});

/** xl passes over a key of these without `=`, as if it were not there. */
const withValue = (word: string, table: object): OptionNode[] =>
  parseOptions(word).filter(({ key, value }) => value !== null || !Object.hasOwn(table, key));
