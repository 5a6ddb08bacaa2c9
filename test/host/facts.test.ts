import { execFileSync } from 'node:child_process';
import { chmod, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { assumedFacts, completeFacts, gatherFacts, parseAssumptions, readFacts } from '../../lib/host/facts.ts';
import { domainFacts } from '../../lib/host/facts/domains.ts';
import { mapLimited } from '../../lib/host/facts/limit.ts';
import { pathFacts } from '../../lib/host/facts/paths.ts';
import { qemuVersion } from '../../lib/host/facts/qemu.ts';
import { memoryHost } from '../../lib/host/memory/host.ts';
import { factsOf, imageFile } from '../support/facts.ts';
import { temporaryDirectory } from './temporary.ts';

describe('a path', () => {
  test('is a file with its size and what its header says', async () => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/raw.img`, 'boot');
    await truncate(`${directory}/raw.img`, 1024 * 1024);
    const facts = await pathFacts(['raw.img', `${directory}/raw.img`], directory);
    expect(facts['raw.img']).toMatchObject({
      kind: 'file',
      readable: true,
      writable: true,
      size: 1024 * 1024,
      image: { format: 'raw', backing: null },
    });
    expect(facts[`${directory}/raw.img`], 'keys are as typed').toEqual(facts['raw.img']);
  });

  test('is one file under two names: its identity tells', async () => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/a`, '');
    await symlink('a', `${directory}/b`);
    const { a, b } = await pathFacts(['a', 'b'], directory);
    expect(a).toEqual(b);
  });

  test.each<[string, string]>([
    ['none', 'ENOENT'],
    ['file/below', 'ENOTDIR'],
    ['loop', 'ELOOP'],
    ['nul\0', 'EINVAL'],
    ['x'.repeat(300), 'ENAMETOOLONG'],
  ])('that cannot be is missing, with the reason: %j', async (path, errno) => {
    const directory = await temporaryDirectory();
    await writeFile(`${directory}/file`, '');
    await symlink('loop', `${directory}/loop`);
    expect((await pathFacts([path], directory))[path]).toEqual({ kind: 'missing', errno });
  });

  test('may be anything that a file system has; what cannot be an image is not opened', async () => {
    const directory = await temporaryDirectory();
    await mkdir(`${directory}/directory`);
    execFileSync('mkfifo', [`${directory}/fifo`]);
    const server = createServer().listen(`${directory}/socket`);
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const facts = await pathFacts(['directory', 'fifo', 'socket', '/dev/null'], directory);
    expect(Object.values(facts).map((fact) => [fact.kind, 'image' in fact])).toEqual([
      ['directory', false],
      ['fifo', false],
      ['socket', false],
      ['char', false],
    ]);
    expect(facts['/dev/null']).toMatchObject({ device: '1:3' });
  });

  test('to a qcow2 names its backing file, and that it is missing', async () => {
    const directory = await temporaryDirectory();
    try {
      execFileSync('qemu-img', ['create', '-q', '-f', 'raw', `${directory}/base`, '1M']);
    } catch {
      console.log('skipped: qemu-img is not installed (Debian: qemu-utils)');
      return;
    }
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', 'base', '-F', 'raw', `${directory}/top`]);
    const before = await pathFacts(['top'], directory);
    expect(before.top).toMatchObject({
      image: {
        format: 'qcow2',
        virtualSize: 1024 * 1024,
        backing: { name: 'base', declaredFormat: 'raw', state: 'ok' },
      },
    });
    execFileSync('rm', [`${directory}/base`]);
    expect((await pathFacts(['top'], directory)).top).toMatchObject({ image: { backing: { state: 'missing' } } });
  });
});

describe('QEMU’s version', () => {
  const fakeQemu = async (says: string): Promise<{ path: string; asked: () => Promise<number>; cache: string }> => {
    const directory = await temporaryDirectory();
    const path = `${directory}/qemu`;
    await writeFile(path, `#!/bin/sh\necho asked >> ${directory}/log\necho '${says}'\n`);
    await chmod(path, 0o755);
    const asked = async (): Promise<number> =>
      (await pathFacts(['log'], directory)).log!.kind === 'missing'
        ? 0
        : execFileSync('cat', [`${directory}/log`], { encoding: 'utf8' }).split('\n').length - 1;
    return { path, asked, cache: `${directory}/cache.json` };
  };

  test('is asked once, then remembered until the binary changes', async () => {
    const { path, asked, cache } = await fakeQemu('QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)');
    expect(await qemuVersion(path, cache)).toBe('7.2.22');
    expect(await qemuVersion(path, cache)).toBe('7.2.22');
    expect(await asked()).toBe(1);
    await writeFile(path, "#!/bin/sh\necho 'QEMU emulator version 10.0.1'\n");
    expect(await qemuVersion(path, cache)).toBe('10.0.1');
  });

  test('is asked again where the cache holds nonsense or cannot be', async () => {
    const { path, cache } = await fakeQemu('QEMU emulator version 9.1.0');
    await writeFile(cache, '{"key":');
    expect(await qemuVersion(path, cache)).toBe('9.1.0');
    expect(await qemuVersion(path, '/none/cache.json')).toBe('9.1.0');
  });

  test('is null where there is no QEMU, or none that says so', async () => {
    expect(await qemuVersion('/none/qemu', null)).toBeNull();
    expect(await qemuVersion('no-such-program-on-path', null)).toBeNull();
    expect(await qemuVersion('/bin/true', null)).toBeNull();
  });
});

test('domains are read from the store, with the images that they have open', async () => {
  const { store } = memoryHost();
  const node = (path: string, value: string): void => store.write(path, value);
  node('/local/domain/3/name', 'web');
  node('/local/domain/3/vm', '/vm/6d1f0f3a-0000-4000-8000-000000000001');
  const disk = (devid: number, kind: string, keys: Record<string, string>): void => {
    const backend = `/local/domain/0/backend/${kind}/3/${devid}`;
    for (const [key, value] of Object.entries(keys)) node(`${backend}/${key}`, value);
  };
  disk(51712, 'vbd', { params: '/dev/vg/a:b', dev: 'xvda', mode: 'w' });
  disk(51728, 'qdisk', { params: 'qcow2:/images/b:c.qcow2', dev: 'xvdb', mode: 'r' });
  disk(51744, 'qdisk', { params: 'aio:', dev: 'hdc', mode: 'r' });
  expect(await domainFacts(memoryHostStore(store))).toEqual([
    { domid: 0, name: 'Domain-0', uuid: null, images: [] },
    {
      domid: 3,
      name: 'web',
      uuid: '6d1f0f3a-0000-4000-8000-000000000001',
      images: [
        { path: '/dev/vg/a:b', vdev: 'xvda', mode: 'w' },
        { path: '/images/b:c.qcow2', vdev: 'xvdb', mode: 'r' },
      ],
    },
  ]);
});

test('of domains no more is read than is asked', async () => {
  const { store } = memoryHost();
  const others = [3, 4, 5];
  for (const domid of others) {
    store.write(`/local/domain/${domid}/name`, `web-${domid}`);
    store.write(`/local/domain/${domid}/vm`, `/vm/6d1f0f3a-0000-4000-8000-00000000000${domid}`);
    const backend = `/local/domain/0/backend/qdisk/${domid}/51712`;
    const keys = { params: `qcow2:/images/${domid}.qcow2`, dev: 'xvda', mode: 'w' };
    for (const [key, value] of Object.entries(keys)) store.write(`${backend}/${key}`, value);
  }
  const port = memoryHostStore(store);
  const asked: string[] = [];
  const noting: typeof port = {
    ...port,
    read: (path) => (asked.push(path), port.read(path)),
    directory: (path) => (asked.push(path), port.directory(path)),
  };
  const tell = async (question: Parameters<typeof domainFacts>[1]) => {
    asked.length = 0;
    return (await domainFacts(noting, question)).filter(({ domid }) => domid !== 0);
  };

  expect(await tell({ images: [], uuids: false })).toEqual(
    others.map((domid) => ({ domid, name: `web-${domid}`, uuid: null, images: [] })),
  );
  // The list of domains, and each one's name, domain 0's too.
  expect(asked).toHaveLength(2 + others.length);

  const domains = await tell({ images: ['/images/4.qcow2'], uuids: false });
  expect(domains.map(({ images }) => images)).toEqual([[], [{ path: '/images/4.qcow2', vdev: 'xvda', mode: 'w' }], []]);
  expect(asked.filter((path) => path.includes('/qdisk/3'))).toEqual([
    '/local/domain/0/backend/qdisk/3',
    '/local/domain/0/backend/qdisk/3/51712/params',
  ]);
});

const memoryHostStore = (store: ReturnType<typeof memoryHost>['store']): typeof store.port => store.port;

describe('assumptions', () => {
  test('are facts by their names, and holes by any other', () => {
    expect(parseAssumptions(['xen=4.19', 'qemu=9.2.1', 'qemu-path=/q', 'domid=007', 'xenstore-port=3'])).toEqual({
      xen: '4.19',
      qemu: '9.2.1',
      qemuPath: '/q',
      bindings: { domid: '7', 'xenstore-port': '3' },
    });
  });

  test.each(['xen', 'xen=', '=4', 'paths=all', 'xen=new', 'qemu=7', 'domid=-1', 'domid=32752', 'domid=x', 'Domid=1'])(
    '%s is refused',
    (word) => {
      expect(() => parseAssumptions([word])).toThrow(expect.objectContaining({ code: 'assumption-invalid' }));
    },
  );

  test('with paths=present, what is missing here is there on the other machine, and that is listed', async () => {
    const facts = await assumedFacts({
      paths: ['/dev/vg0/web', '/srv/web.img', '/dev/null'],
      directory: '/nowhere',
      assumptions: parseAssumptions(['paths=present']),
    });
    expect(facts.paths['/dev/vg0/web']).toMatchObject({ kind: 'block', readable: true, writable: true });
    expect(facts.paths['/srv/web.img']).toMatchObject({ kind: 'file' });
    expect(facts.paths['/dev/null']).toMatchObject({ kind: 'char' });
    expect(facts.assumed).toEqual(
      expect.arrayContaining([
        expect.stringContaining('/dev/vg0/web: a block device'),
        expect.stringContaining('/srv/web.img: a file'),
      ]),
    );
    expect(facts.assumed.some((line) => line.includes('/dev/null'))).toBe(false);
  });

  test('make a Xen host where there is none, each listed; paths are really looked at', async () => {
    const facts = await assumedFacts({
      paths: ['/dev/null'],
      assumptions: parseAssumptions(['xen=4.19.1', 'qemu=9.2']),
    });
    expect(facts).toMatchObject({
      host: 'xen',
      xenVersion: '4.19.1',
      qemu: { version: '9.2', accel: 'xen' },
      dirs: { firmware: '/usr/lib/xen-4.19/boot' },
      paths: { '/dev/null': { kind: 'char' } },
    });
    expect(facts.assumed).toContain('Xen: 4.19.1');
    expect(facts.assumed).toContain('domains: none but domain 0');
  });

  test('go over a facts file, which goes over looking', async () => {
    const given = factsOf({ paths: { '/dev/null': imageFile('qcow2') } });
    const facts = await completeFacts(given, {
      paths: ['/dev/null', '/dev/zero'],
      assumptions: parseAssumptions(['qemu=8.0']),
    });
    expect(facts.paths['/dev/null']).toEqual(given.paths['/dev/null']);
    expect(facts.paths['/dev/zero']).toMatchObject({ kind: 'char', device: '1:5' });
    expect([facts.qemu.version, facts.assumed]).toEqual(['8.0', ['QEMU: 8.0']]);
  });
});

describe('a facts file', () => {
  const whole = factsOf({
    paths: {
      '/a': imageFile('qcow2', {
        image: {
          format: 'qcow2',
          virtualSize: 10,
          problems: [],
          backing: { name: 'b', path: '/b', declaredFormat: null, state: 'missing', image: null },
        },
      }),
      '/none': { kind: 'missing', errno: 'ENOENT' },
      __proto__x: { kind: 'missing', errno: 'ENOENT' },
    },
  });

  test('is read as it was written', () => {
    expect(readFacts(JSON.stringify(whole), 'f.json')).toEqual(whole);
  });

  test.each<[string, unknown, string]>([
    ['of another schema', { ...whole, schema: 2 }, 'schema is 2, not 1'],
    ['of another host', { ...whole, host: 'kvm' }, 'host is "kvm", not "xen" or "embedded"'],
    ['without domains', { ...whole, domains: undefined }, 'domains is nothing, not a list'],
    [
      'with a wrong size',
      { ...whole, paths: { '/a': { ...whole.paths['/a'], size: -1 } } },
      'paths["/a"].size is -1, not a whole number',
    ],
    ['that is a list', [], 'the file is [], not an object'],
    ['that is null', null, 'the file is null, not an object'],
  ])('%s is refused, with the field', (_, value, why) => {
    expect(() => readFacts(JSON.stringify(value), 'f.json')).toThrow(`f.json holds no facts about a host: ${why}`);
  });

  test('that is no JSON is refused', () => {
    expect(() => readFacts('{', 'f.json')).toThrow(expect.objectContaining({ code: 'facts-invalid' }));
  });

  test('of any other content is refused in words, whatever it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(() => readFacts(JSON.stringify(value), 'f')).toThrow(expect.objectContaining({ code: 'facts-invalid' }));
      }),
    );
  });

  test('nested beyond reason is refused, not a crash', () => {
    let image = 'null';
    for (let depth = 0; depth < 50_000; depth += 1) {
      image = `{"format":"raw","virtualSize":null,"problems":[],"backing":{"name":"","path":null,"declaredFormat":null,"state":"ok","image":${image}}}`;
    }
    const path = `{"kind":"file","readable":true,"writable":true,"size":1,"identity":"1:1","image":${image}}`;
    const text = JSON.stringify({ ...whole, paths: {} }).replace('"paths":{}', `"paths":{"/a":${path}}`);
    expect(() => readFacts(text, 'f')).toThrow(expect.objectContaining({ code: 'facts-invalid' }));
  });
});

test('gathering looks at everything at once', async () => {
  const directory = await temporaryDirectory();
  await mkdir(`${directory}/scripts`);
  for (const name of ['block', 'block-iscsi', 'block-common.sh', 'vif-bridge'])
    await writeFile(`${directory}/scripts/${name}`, '');
  const dirs = { lib: '', run: '', log: '', scripts: `${directory}/scripts`, firmware: '', state: directory };
  const facts = await gatherFacts(
    { host: 'embedded', xenVersion: '4.17', dirs, qemu: { path: '/bin/true', accel: 'tcg', accelReason: 'a test' } },
    { paths: ['/dev/null'], store: memoryHost().ports.store },
  );
  expect(facts.tools.blockScripts).toEqual(['block', 'block-iscsi']);
  expect(facts.domains).toEqual([{ domid: 0, name: 'Domain-0', uuid: null, images: [] }]);
  expect(facts.qemu.version).toBeNull();
  expect(readFacts(JSON.stringify(facts), 'itself')).toEqual(facts);
});

test('work in parallel is bounded, and its results keep their order', async () => {
  let running = 0;
  let most = 0;
  const results = await mapLimited([5, 1, 4, 2, 3], 2, async (n) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, n));
    running -= 1;
    return n * 10;
  });
  expect([results, most]).toEqual([[50, 10, 40, 20, 30], 2]);
});
