import { nearest } from '../base/similar.ts';
import { readLong } from './number.ts';
import { parseOptions, type WordFinding } from './options.ts';

/** One word of the `vfb` list; `null` is "not said". */
export interface Vfb {
  readonly vnc: boolean | null;
  readonly vncListen: string | null;
  readonly vncPassword: string | null;
  readonly vncDisplay: number | null;
  readonly vncUnused: boolean | null;
  readonly keymap: string | null;
  readonly sdl: boolean | null;
  readonly opengl: boolean | null;
  readonly display: string | null;
  readonly xauthority: string | null;
}

const FIELDS = {
  vnc: { field: 'vnc', type: 'boolean' },
  vnclisten: { field: 'vncListen', type: 'string' },
  vncpasswd: { field: 'vncPassword', type: 'string' },
  vncdisplay: { field: 'vncDisplay', type: 'number' },
  vncunused: { field: 'vncUnused', type: 'boolean' },
  keymap: { field: 'keymap', type: 'string' },
  sdl: { field: 'sdl', type: 'boolean' },
  opengl: { field: 'opengl', type: 'boolean' },
  display: { field: 'display', type: 'string' },
  xauthority: { field: 'xauthority', type: 'string' },
} as const satisfies Readonly<Record<string, { field: keyof Vfb; type: 'boolean' | 'number' | 'string' }>>;

/** Reads a word of the `vfb` list: options between commas, blanks before them skipped. */
export function readVfbWord(word: string): { vfb: Vfb; findings: readonly WordFinding[] } {
  const values: Partial<Record<keyof Vfb, string | number | boolean>> = {};
  const findings: WordFinding[] = [];
  for (const { start, text, key, value: said } of parseOptions(word)) {
    const value = said?.text ?? '';
    const place = { start, length: Math.max(1, text.length) };
    if (!isKey(key)) {
      findings.push({ severity: 'warning', code: 'vfb-option', ...strange(key, text), ...place });
      continue;
    }
    const { field, type } = FIELDS[key];
    const long = type === 'string' ? null : readLong(value);
    if (long === null) values[field] = value;
    else if (long.ok && Number(long.value) >= 0 && Number(long.value) <= 59_635) {
      values[field] = type === 'boolean' ? Number(long.value) !== 0 : Number(long.value);
    } else {
      const message = `\`${key}\` is no number of a kind that fits`;
      findings.push({ severity: 'error', code: 'vfb-number', message, hint: `write ${key}=1`, ...place });
    }
  }
  return { vfb: { ...nothingSaid, ...(values as Partial<Vfb>) }, findings };
}

const nothingSaid: Vfb = {
  vnc: null,
  vncListen: null,
  vncPassword: null,
  vncDisplay: null,
  vncUnused: null,
  keymap: null,
  sdl: null,
  opengl: null,
  display: null,
  xauthority: null,
};

const isKey = (key: string): key is keyof typeof FIELDS => Object.hasOwn(FIELDS, key);

function strange(key: string, text: string): { message: string; hint: string } {
  const message = `a framebuffer has no option \`${text}\``;
  if (key === 'type') return { message, hint: "xl ignores xend's `type`: write vnc=1 or sdl=1" };
  const meant = nearest(key, Object.keys(FIELDS));
  return { message, hint: meant === null ? 'xl ignores it' : `did you mean \`${meant}\`? xl ignores it as it is` };
}
