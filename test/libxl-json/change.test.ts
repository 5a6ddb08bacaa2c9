import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changedText, parseKept, type KeptChange } from '../../lib/libxl-json/change.ts';
import { printJson, type JsonObject } from '../../lib/libxl-json/json.ts';

const kept = (rest: JsonObject = {}): JsonObject => ({
  c_info: { type: 'pv', name: 'web', domid: 4294967295 },
  b_info: { sched_params: {} },
  ...rest,
});
const disk = (vdev: string, format = 'raw'): JsonObject => ({ pdev_path: `/srv/${vdev}`, vdev, format });
const after = (config: JsonObject, change: KeptChange): JsonObject =>
  parseKept(changedText(`${printJson(config)}\0`, change));

describe('what is kept of a configuration', () => {
  test('gets a list of devices in libxl’s place for it', () => {
    const put = after(kept({ vfbs: [{ devid: 0 }], on_crash: 'restart' }), {
      change: 'put',
      list: 'nics',
      device: { devid: 0 },
    });
    expect(Object.keys(put)).toEqual(['c_info', 'b_info', 'nics', 'vfbs', 'on_crash']);
    const both = after(put, { change: 'put', list: 'disks', device: disk('xvda') });
    expect(Object.keys(both)).toEqual(['c_info', 'b_info', 'disks', 'nics', 'vfbs', 'on_crash']);
  });

  test('gets a new device behind the others, and one of the same name in its place', () => {
    const two = kept({ disks: [disk('xvda'), disk('xvdb')] });
    const third = after(two, { change: 'put', list: 'disks', device: disk('xvdc') });
    expect(third.disks).toEqual([disk('xvda'), disk('xvdb'), disk('xvdc')]);
    const other = after(two, { change: 'put', list: 'disks', device: disk('xvda', 'qcow2') });
    expect(other.disks).toEqual([disk('xvda', 'qcow2'), disk('xvdb')]);
  });

  test('loses a device, and the list with the last', () => {
    const two = kept({ disks: [disk('xvda'), disk('xvdb')] });
    const one = after(two, { change: 'drop', list: 'disks', name: 'xvda' });
    expect(one).toEqual(kept({ disks: [disk('xvdb')] }));
    expect(after(one, { change: 'drop', list: 'disks', name: 'xvdb' })).toEqual(kept());
    expect(after(two, { change: 'drop', list: 'disks', name: 'xvdz' })).toEqual(two);
  });

  test('is renamed; taken back only what is still ours', () => {
    const named = (name: string): JsonObject => kept({ c_info: { type: 'pv', name, domid: 4294967295 } });
    expect(after(kept(), { change: 'name', to: 'mail' })).toEqual(named('mail'));
    expect(after(named('mail'), { change: 'name', to: 'web', from: 'mail' })).toEqual(kept());
    expect(after(named('else'), { change: 'name', to: 'web', from: 'mail' })).toEqual(named('else'));
  });

  test('keeps everything else, its order, and the end that libxl gives it', () => {
    const fields = fc.dictionary(
      fc.string().filter((name) => !/^(disks|nics|c_info|b_info|__proto__|\d+)$/.test(name)),
      fc.jsonValue({ maxDepth: 1 }),
      { maxKeys: 4 },
    );
    fc.assert(
      fc.property(fields, fields, fc.constantFrom('', '\0', '\0\0'), (rest, info, end) => {
        const config = { ...rest, c_info: { ...info, name: 'web' }, b_info: info } as JsonObject;
        const text = `${JSON.stringify(config)}${end}`;
        const there = changedText(text, { change: 'put', list: 'disks', device: disk('xvda') });
        const back = changedText(there, { change: 'drop', list: 'disks', name: 'xvda' });
        expect(back.slice(back.length - end.length)).toBe(end);
        expect(JSON.stringify(parseKept(back))).toBe(JSON.stringify(parseKept(text)));
      }),
    );
  });

  test.each(['', 'null', '[]', '{}', '{"c_info": 3, "b_info": {}}', '{"c_info": {}}', '{"c_info": {'])(
    'is not made up where there is none: %j',
    (text) => {
      expect(() => changedText(text, { change: 'name', to: 'x' })).toThrow(
        expect.objectContaining({ code: 'userdata-broken' }) as Error,
      );
    },
  );
});
