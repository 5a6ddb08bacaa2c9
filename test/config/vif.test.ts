import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readRate } from '../../lib/config/rate.ts';
import { readVfbWord } from '../../lib/config/vfb.ts';
import { readVifOptions, readVifWord, type Vif } from '../../lib/config/vif.ts';

/** Answers of xl 4.17.7: of its parser of rates, and of `xl -N network-attach 0 WORD...`. */
type Case =
  | {
      readonly kind: 'rate';
      readonly input: string;
      readonly result: Result<{ rate_bytes_per_interval: string; rate_interval_usecs: number }>;
    }
  | { readonly kind: 'vif'; readonly input: readonly string[]; readonly result: Result<Record<string, unknown>> };
interface Result<Answer> {
  readonly ok?: Answer;
  readonly error?: { readonly report: readonly string[] };
}

const cases = readFileSync(join(import.meta.dirname, '../fixtures/config/vif.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

/** An interface by libxl's names, without what was not said. */
function asLibxl(vif: Vif): Record<string, unknown> {
  const fields: Record<string, unknown> = {
    mac: vif.mac,
    bridge: vif.bridge,
    gatewaydev: vif.gatewaydev,
    nictype: vif.type === 'ioemu' ? 'vif_ioemu' : vif.type,
    model: vif.model,
    ifname: vif.ifname,
    script: vif.script,
    ip: vif.ip,
    backend_domname: vif.backendDomname,
    rate_bytes_per_interval: vif.rate === null ? null : Number(vif.rate.bytesPerInterval),
    rate_interval_usecs: vif.rate?.intervalUsecs ?? null,
    mtu: vif.mtu,
    coloft_forwarddev: vif.forwarddev,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

describe('rates are read as libxlutil reads them', () => {
  test.each(cases.filter((each) => each.kind === 'rate').map((each) => [each.input, each.result] as const))(
    '%j',
    (input, { ok, error }) => {
      const reading = readRate(input);
      if (reading.ok) {
        const { bytesPerInterval, intervalUsecs } = reading.rate;
        expect({ rate_bytes_per_interval: String(bytesPerInterval), rate_interval_usecs: intervalUsecs }).toEqual(ok);
      } else {
        const line = `command line: config parsing error in vif: ${reading.message} in \`${reading.near}'`;
        expect([line]).toEqual(error?.report);
      }
    },
  );

  // Of the same library, beyond the corpus.
  test.each([
    ['368934GB/s', 18_446_700_000_000n],
    ['368935GB/s', null],
    ['4294967295KB/s', 214_748_364_750n],
    ['4294967296B/s', null],
    ['4294967295b/s', 26_843_545n],
    ['4295Gb/s', 26_843_750_000n],
    ['08b/s', null],
    ['037777777777B/s', 214_748_364n],
    ['10Mb/s@50m', 62_500n],
    ['10Mb/s@', null],
    ['4294GB/s@4294s', null],
  ])('%j', (input, bytes) => {
    const reading = readRate(input);
    expect(reading.ok ? reading.rate.bytesPerInterval : null).toBe(bytes);
  });
});

describe('options of an interface are read as xl reads them', () => {
  test.each(cases.filter((each) => each.kind === 'vif').map((each) => [each.input, each.result] as const))(
    '%j',
    (input, { ok, error }) => {
      const options = input.map((text) => ({ text, start: 0 }));
      const { vif, findings } = readVifOptions(options, 0, { dialect: 'xl', source: 'command line' });
      if (ok !== undefined) {
        // A rate of a number beyond 2^53 does not occur in the corpus.
        expect(asLibxl(vif)).toEqual(ok);
      } else {
        expect(findings.map(({ xl }) => xl)).toEqual(error?.report);
      }
    },
  );
});

describe('a word of the vif list', () => {
  const read = (word: string, dialect: 'xl' | 'extended' = 'extended') =>
    readVifWord(word, 3, { dialect, source: 'web.cfg' });

  test('that is empty takes every default', () => {
    const { vif, findings } = read('');
    expect(findings).toEqual([]);
    expect(Object.values(vif).filter((value) => value !== null)).toEqual([3]);
  });

  test('may have blanks before its options, and empty ones', () => {
    const { vif, findings } = read('bridge=br0,,  mac=00:16:3E:01:02:FF,type=ioemu,untrusted,devid=7');
    expect(findings).toEqual([]);
    expect(vif).toMatchObject({ bridge: 'br0', mac: '00:16:3e:01:02:ff', type: 'ioemu', trusted: false, devid: 7 });
  });

  test.each([
    ['bridge=br0,brigde=br1', 'vif-option', 11, 'did you mean `bridge`?'],
    ['mac=00:16:3e:1:2', 'vif-mac', 0, 'a MAC address is six bytes in hex: 00:16:3e:12:34:56'],
    ['mac=00:16:3e:01:02:03:04', 'vif-mac', 0, 'a MAC address is six bytes in hex: 00:16:3e:12:34:56'],
    ['bridge=b, type=emu', 'vif-type', 10, 'it is vif or ioemu'],
    ['rate=10', 'vif-rate', 0, 'a rate is such as 10Mb/s@50ms'],
    ['devid=x', 'vif-number', 0, 'it is 0 to 2147483647'],
    ['mtu=70000', 'vif-number', 0, 'it is 0 to 65535'],
    ['mtu=-5', 'vif-number', 0, 'it is 0 to 65535'],
  ])('%s is an error, with its place and a way out', (word, code, start, hint) => {
    expect(read(word).findings).toMatchObject([{ severity: 'error', code, start, hint }]);
  });

  test.each(['foo=1', 'type=emu', 'mac=x'])('%s: xl goes on with a line, and dialect xl with a warning', (word) => {
    expect(read(word, 'xl').findings).toMatchObject([{ severity: 'warning', xlGoesOn: true }]);
  });

  test.each([
    ['netdev=eth0', 'vif-netdev'],
    ['accel=1', 'vif-accel'],
    ['mac=01:16:3e:01:02:03', 'vif-mac-group'],
  ])('%s is a warning', (word, code) => {
    expect(read(word).findings).toMatchObject([{ severity: 'warning', code }]);
  });
});

describe('a word of the vfb list', () => {
  test('says what the screen is', () => {
    const { vfb, findings } = readVfbWord('vnc=1, vnclisten=::1,vncdisplay=3,vncunused=0,keymap=de,vncpasswd=a=b');
    expect(findings).toEqual([]);
    expect(vfb).toEqual({
      vnc: true,
      vncListen: '::1',
      vncPassword: 'a=b',
      vncDisplay: 3,
      vncUnused: false,
      keymap: 'de',
      sdl: null,
      opengl: null,
      display: null,
      xauthority: null,
    });
  });

  test.each([
    ['type=vnc', 'warning', 'vfb-option'],
    ['vnclsten=x', 'warning', 'vfb-option'],
    ['vnc=yes', 'error', 'vfb-number'],
    ['vncdisplay=100000', 'error', 'vfb-number'],
  ])('%s is a %s', (word, severity, code) => {
    expect(readVfbWord(word).findings).toMatchObject([{ severity, code, start: 0, length: word.length }]);
  });
});
