import { nearest } from '../../base/similar.ts';
import { keyTable, type KeyRow } from '../keys.ts';
import type { Setting } from '../parse.ts';
import { knownKeys, namePlace, settingOf, type Finding, type Pass, type Reading } from '../reading.ts';
import { saysDefault } from '../values.ts';

/** Keys that nobody knows: xl passes over them without a word, and so over every misspelt one. */
export const unknownKeys: Pass = ({ parsed }) =>
  Object.entries(parsed.settings)
    .filter(([name]) => !keyTable.has(name))
    .map(([name, setting]) => {
      const meant = nearest(name, keyTable.keys());
      return {
        severity: 'warning',
        code: 'key-unknown',
        message: `there is no key \`${name}\``,
        ...namePlace(parsed, setting),
        hint: meant === null ? 'xl ignores it' : `did you mean \`${meant}\`? xl ignores it as it is`,
      };
    });

/** Keys that we read and cannot act on, unless they say what holds anyway: an ignored one would give another guest. */
export const unsupportedKeys: Pass = (reading) =>
  said(reading)
    .filter(({ row, setting }) => row.support === 'not-yet' && !saysDefault(row, setting))
    .map(({ row, setting }) => ({
      severity: 'error',
      code: 'key-not-yet',
      message: `\`${row.name}\` is not supported yet`,
      ...namePlace(reading.parsed, setting),
      hint: `without it the guest is another one: ${row.doc}`,
    }));

/** Keys without effect, and keys that have a better one. */
export const agedKeys: Pass = (reading) =>
  said(reading).flatMap(({ row, setting }): Finding[] => {
    const place = namePlace(reading.parsed, setting);
    const instead = row.deprecated === undefined ? {} : { hint: `write ${row.deprecated}` };
    if (row.support === 'ignored') {
      const message = `\`${row.name}\` has no effect`;
      return [
        { severity: 'warning', code: 'key-ignored', message, ...place, hint: row.doc, ...instead, ...xlLine(row) },
      ];
    }
    if (row.deprecated === undefined || row.support !== undefined) return [];
    return [
      { severity: 'note', code: 'key-deprecated', message: `\`${row.name}\` is an old key`, ...place, ...instead },
    ];
  });

/** Keys that mean nothing to this kind of guest. */
export const foreignKeys: Pass = (reading) =>
  said(reading)
    .filter(({ row }) => row.support === undefined && !row.guests.includes(reading.type))
    .map(({ row, setting }) => ({
      severity: 'warning',
      code: 'key-foreign',
      message: `\`${row.name}\` means nothing to a ${reading.type.toUpperCase()} guest`,
      ...namePlace(reading.parsed, setting),
      hint: `it is for ${row.guests.map((guest) => guest.toUpperCase()).join(' and ')} guests`,
    }));

function said({ parsed }: Reading): { row: KeyRow; setting: Setting }[] {
  return knownKeys(parsed).map((name) => ({ row: keyTable.get(name)!, setting: settingOf(parsed, name)! }));
}

function xlLine({ name }: KeyRow): Pick<Finding, 'xl'> {
  if (name === 'device_model') return { xl: 'WARNING: ignoring device_model directive.' };
  if (name !== 'vncviewer') return {};
  const said = 'WARNING: ignoring "vncviewer" option. Use "-V" option of "xl create" to automatically spawn vncviewer.';
  return { xl: said };
}
