import { existsSync } from 'node:fs';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session, type GuestConsole } from './session.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const ROOT_IMAGE = join(PROJECT, '.cache', 'guest', 'root.img');
const ready = existsSync(ROOT_IMAGE) && existsSync(join(PROJECT, 'dist', 'xl.cjs'));
if (!ready) console.warn('skipped: the example guest or the build is missing; run `npm run setup` and `npm run build`');

const PATIENCE = 240_000;
const GUEST = 'hello-hvm';

interface Kept {
  readonly b_info: { readonly max_vcpus: number; readonly avail_vcpus: readonly number[] };
  readonly disks: readonly { readonly vdev: string; readonly pdev_path?: string }[];
}

describe.runIf(ready)('an HVM guest on the embedded host', () => {
  let session: Session;
  let console: GuestConsole;
  beforeAll(async () => {
    session = await Session.open();
    const image = join(session.directory, 'root.img');
    await copyFile(ROOT_IMAGE, image);
    const text = await readFile(join(PROJECT, 'examples', `${GUEST}.cfg`), 'utf8');
    const config = join(session.directory, 'guest.cfg');
    await writeFile(config, text.replaceAll('.cache/guest/root.img', image));
    await session.ok('create', '-q', config, 'maxvcpus=2');
    console = session.console(GUEST);
    await console.heard('guest: ready', { seconds: 200 });
  }, PATIENCE);
  afterAll(() => session.close());

  async function disc(name: string, words: string): Promise<string> {
    const path = join(session.directory, name);
    await writeFile(path, words.padEnd(64 * 2048, '.'));
    return path;
  }

  /** What is kept of the guest's configuration, as `list -l` has it now. */
  async function kept(): Promise<Kept> {
    const [{ config }] = JSON.parse(await session.ok('list', '-l', GUEST)) as [{ config: Kept }];
    return config;
  }
  const discKept = async (): Promise<string | undefined> =>
    (await kept()).disks.find(({ vdev }) => vdev === 'hdc')?.pdev_path;

  /** The drive says for a moment after each change that it is not ready. */
  const readDisc = (): number =>
    console.type('until said=$(head -c 14 /dev/sr0 2> /dev/null); do sleep 1; done; echo "$said"');

  test(
    'reads the disc that is put into its drive, and finds none when it is taken out',
    async () => {
      expect(await discKept()).toBeUndefined();
      const first = await disc('first.iso', 'the first disc');
      expect(JSON.parse(await session.ok('--json', 'cd-insert', GUEST, 'hdc', first))).toMatchObject({ disc: first });
      await console.heard(/^the first disc/m, { from: readDisc() });
      expect(await discKept()).toBe(first);

      const other = await disc('other.iso', 'another disc..');
      await session.ok('cd-insert', GUEST, 'hdc', other);
      await console.heard(/^another disc/m, { from: readDisc() });
      expect(await discKept()).toBe(other);

      await session.ok('cd-eject', GUEST, 'hdc');
      const empty = console.type('until head -c 14 /dev/sr0 2>&1 | grep -i medium; do sleep 1; done');
      await console.heard(/no medium found/i, { from: empty });
      expect(await discKept()).toBe('');
    },
    PATIENCE,
  );

  test.each([
    [['cd-insert', GUEST, 'hdc', '/nonexistent.iso'], 'error: Cannot stat file: /nonexistent.iso\n'],
    [['cd-insert', GUEST, 'hdd', ROOT_IMAGE], 'error: Virtual device not found\n'],
    [['cd-eject', GUEST, 'hda'], 'error: Virtual device not found\n'],
    [['vcpu-set', GUEST, '0'], 'Error: Invalid argument.\n'],
    [['vcpu-set', GUEST, '3', '-i'], 'error: Requested 3 VCPUs, however maxcpus is 2!\n'],
    [['vcpu-set', 'nobody', '1'], 'error: nobody is an invalid domain identifier (rc=-6)\n'],
  ])('is left alone by %j', async (words, said) => {
    const before = await kept();
    const { status, stdout, stderr } = await session.xl(...words);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr.startsWith(said), stderr).toBe(true);
    expect(await kept()).toEqual(before);
  });

  test(
    'gets a second processor, and gives it back to nobody',
    async () => {
      expect((await kept()).b_info).toMatchObject({ max_vcpus: 2, avail_vcpus: [0] });
      const domid = Number(await session.ok('domid', GUEST));
      expect(JSON.parse(await session.ok('--json', 'vcpu-set', GUEST, '2'))).toEqual({ domid, vcpus: 2 });
      const present = console.type('until grep 0-1 /sys/devices/system/cpu/present; do sleep 1; done');
      await console.heard(/^0-1/m, { from: present });
      expect((await kept()).b_info).toMatchObject({ max_vcpus: 2, avail_vcpus: [0, 1] });
      expect(await session.ok('list', GUEST)).toMatch(/^hello-hvm +\d+ +128 +2 /m);

      const back = await session.xl('vcpu-set', GUEST, '1');
      expect(back.status).toBe(1);
      expect(back.stderr).toContain('hello-hvm has 2 vcpus, and an emulated PC gives none back\n');
      expect((await kept()).b_info.avail_vcpus).toEqual([0, 1]);
    },
    PATIENCE,
  );
});
