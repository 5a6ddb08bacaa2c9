import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseAccel } from '../../lib/host/embedded/accel.ts';
import { Backlog } from '../../lib/host/embedded/console.ts';
import { decodeAnswer, decodeRequest, LineSplitter, LONGEST_LINE } from '../../lib/host/embedded/control.ts';
import { diskTarget } from '../../lib/host/embedded/disk-target.ts';
import { Domains } from '../../lib/host/embedded/domains.ts';
import { isEmulated } from '../../lib/host/embedded/machine-disks.ts';
import { prepareStateDir, stateDir, stateDirPath } from '../../lib/host/embedded/state-dir.ts';
import { vdevToDevid } from '../../lib/disk/vdev.ts';

describe('the state directory', () => {
  test.each([
    [{ XL_STATE_DIR: '/a', XDG_RUNTIME_DIR: '/run/user/5' }, 5, '/a'],
    [{ XDG_RUNTIME_DIR: '/run/user/5' }, 5, '/run/user/5/xl-ts'],
    [{}, 0, '/run/xl-ts'],
    [{ XL_STATE_DIR: '' }, 5, '/tmp/xl-ts-5'],
  ])('of %j and user %i is %s', (env, uid, path) => {
    expect(stateDirPath(env, uid)).toBe(path);
  });

  test('must leave room for the longest socket name', () => {
    const longest = `/${'d'.repeat(107 - '/machine-32751-console.sock'.length - 1)}`;
    expect(stateDir(longest).root).toBe(longest);
    expect(() => stateDir(`${longest}d`)).toThrow(expect.objectContaining({ code: 'socket-path-too-long' }));
    expect(() => stateDir('here')).toThrow(expect.objectContaining({ code: 'state-dir-relative' }));
  });

  test('is refused where others could write, or where it is a link', async () => {
    const root = await mkdtemp(join(tmpdir(), 'xl-ts-state-'));
    const uid = process.getuid?.() ?? 0;
    const prepare = (name: string, as = uid): Promise<void> => prepareStateDir(stateDir(join(root, name)), as);
    await prepare('fresh');
    await mkdir(join(root, 'open'));
    await chmod(join(root, 'open'), 0o777);
    await symlink(join(root, 'fresh'), join(root, 'link'));
    for (const name of ['open', 'link'])
      await expect(prepare(name)).rejects.toMatchObject({ code: 'state-dir-unsafe' });
    await expect(prepare('fresh', uid + 1)).rejects.toMatchObject({ code: 'state-dir-unsafe' });
    await rm(root, { recursive: true });
  });
});

describe('the accelerator', () => {
  const vmx = 'processor: 0\nflags\t\t: fpu vmx sse\n';
  const none = 'processor: 0\nflags\t\t: fpu sse svmx novmx\nbugs: vmx\n';
  test.each([
    ['a processor without virtualisation', { cpuinfo: none, kvmErrno: null, wish: undefined }, 'tcg', /vmx nor svm/],
    ['vmx and an open /dev/kvm', { cpuinfo: vmx, kvmErrno: null, wish: undefined }, 'kvm', /vmx/],
    ['vmx and a closed /dev/kvm', { cpuinfo: vmx, kvmErrno: 'EACCES', wish: undefined }, 'tcg', /EACCES/],
    ['a wish for tcg', { cpuinfo: vmx, kvmErrno: null, wish: 'tcg' }, 'tcg', /XL_ACCEL/],
    ['a wish for kvm', { cpuinfo: none, kvmErrno: 'ENOENT', wish: 'kvm' }, 'kvm', /XL_ACCEL/],
  ] as const)('with %s', (_, facts, accel, reason) => {
    expect(chooseAccel(facts)).toMatchObject({ accel });
    expect(chooseAccel(facts).reason).toMatch(reason);
  });

  test('refuses a wish that it does not know', () => {
    expect(() => chooseAccel({ cpuinfo: '', kvmErrno: null, wish: 'xen' })).toThrow(
      expect.objectContaining({ code: 'accel-unknown' }),
    );
  });
});

describe('lines of the control socket', () => {
  test('come out whole however the bytes are cut', () => {
    const lines = fc.array(fc.string().filter((text) => !text.includes('\n')));
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 7 })), (texts, cuts) => {
        const bytes = Buffer.from(texts.map((text) => `${text}\n`).join(''));
        const splitter = new LineSplitter();
        const found: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          found.push(...splitter.push(bytes.subarray(at, at + cut)));
          at += cut;
        }
        found.push(...splitter.push(bytes.subarray(at)));
        expect(found).toEqual(texts.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  test('are bounded', () => {
    const splitter = new LineSplitter();
    const half = Buffer.alloc(LONGEST_LINE / 2, 'x');
    splitter.push(half);
    splitter.push(half);
    expect(() => splitter.push(Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'control-line-too-long' }));
  });

  test.each([
    '',
    '[]',
    '{"id":1}',
    '{"op":"list"}',
    '{"id":1,"op":"spawn","request":{"argv":[],"env":{},"log":"l","domid":1}}',
    '{"id":1,"op":"spawn","request":{"argv":["a",1],"env":{},"log":"l","domid":1}}',
    '{"id":1,"op":"kill","pid":1,"domid":1,"signal":"SIGSTOP","graceMs":0}',
    '{"id":1,"op":"exited","pid":1.5}',
    '{"id":1,"op":"qmp","socket":"s","commands":[1],"timeoutMs":1}',
    '{"id":1,"op":"hypercall","call":{}}',
    '{"id":1,"op":"__proto__"}',
  ])('that are no requests are refused: %s', (line) => {
    expect(() => decodeRequest(line)).toThrow(expect.objectContaining({ code: 'control-bad-request' }));
  });

  test('whatever they say are a request, an answer, or an XlError', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        for (const decode of [decodeRequest, decodeAnswer]) {
          try {
            decode(line);
          } catch (error) {
            expect(error).toMatchObject({ name: 'XlError' });
          }
        }
      }),
    );
  });
});

describe('domain numbers', () => {
  const one = { uuid: 'u', name: 'n', type: 'pvh', maxVcpus: 1, createdAt: 0 } as const;

  test('count upwards and do not come again at once', () => {
    const domains = new Domains(7);
    expect(domains.create(one).domid).toBe(7);
    domains.delete(7);
    expect(domains.create(one).domid).toBe(8);
    expect(domains.next).toBe(9);
  });

  test('begin anew at the end, past those in use', () => {
    const domains = new Domains(1);
    expect(domains.create(one).domid).toBe(1);
    const late = new Domains(0x7fef);
    expect(late.create(one).domid).toBe(0x7fef);
    expect(late.create(one).domid).toBe(1);
    expect(new Domains(0x7ff0).create(one).domid).toBe(1);
  });
});

describe('a console’s backlog', () => {
  test('holds the end of all that was said, and never more than its limit', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
        const backlog = new Backlog(32);
        for (const piece of pieces) backlog.push(Buffer.from(piece));
        expect(backlog.content()).toEqual(Buffer.concat(pieces).subarray(-32));
      }),
    );
  });
});

describe('a disk’s backend nodes', () => {
  const nodes = { dev: 'xvda', type: 'phy', params: '/d:1', mode: 'w', 'device-type': 'disk', 'discard-enable': '1' };

  test('name a raw path where a kernel driver would serve it', () => {
    expect(diskTarget(nodes)).toMatchObject({ path: '/d:1', format: 'raw', readwrite: true, discard: true });
  });

  test.each([
    ['qdisk', 'qcow2:/a:b', '/a:b', 'qcow2'],
    ['qdisk', 'aio:/a', '/a', 'raw'],
    ['vbd3', 'vhd:/a', '/a', 'vpc'],
    ['qdisk', 'aio:', null, 'raw'],
  ])('name a format where QEMU or tapdisk would: %s %s', (type, params, path, format) => {
    expect(diskTarget({ ...nodes, type, params })).toMatchObject({ path, format });
  });

  test('never make a cdrom writable', () => {
    expect(diskTarget({ ...nodes, 'device-type': 'cdrom' }).readwrite).toBe(false);
  });

  test.each([{}, { ...nodes, dev: '' }, { ...nodes, type: 'tape' }, { ...nodes, type: 'qdisk', params: 'zip:/a' }])(
    'that make no disk are refused: %j',
    (broken) => {
      expect(() => diskTarget(broken as Record<string, string>)).toThrow(
        expect.objectContaining({ code: 'backend-nodes-bad' }),
      );
    },
  );
});

describe('a disk that the machine emulates', () => {
  test.each([
    ['hda', 'ide0-hd0', true],
    ['xvdd', 'ide1-hd1', true],
    ['hdc', 'ide-5632', true],
    ['sdb', 'scsi0-hd1', true],
    ['xvde', 'ahcidisk-4', true],
    ['xvdb', 'ide0-hd0', false],
    ['xvde', 'ide1-hd1', false],
  ])('%s with the drive %s: %s', (vdev, drive, emulated) => {
    expect(isEmulated(vdev, vdevToDevid(vdev), new Set([drive]))).toBe(emulated);
  });
});
