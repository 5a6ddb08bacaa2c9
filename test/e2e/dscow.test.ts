import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

const PROJECT = join(import.meta.dirname, '..', '..');
const ROOT_IMAGE = join(PROJECT, '.cache', 'guest', 'root.img');
const ready = existsSync(ROOT_IMAGE) && existsSync(join(PROJECT, 'dist', 'xl.cjs'));
if (!ready) console.warn('skipped: the example guest or the build is missing; run `npm run setup` and `npm run build`');

/** Booting an emulated machine on a busy machine takes its time. */
const PATIENCE = 240_000;

describe.runIf(ready)('a guest with overlays as its disks', () => {
  let session: Session;
  beforeEach(async () => {
    session = await Session.open();
  });
  afterEach(() => session.close());

  test.each([
    { config: 'hello-pvh', domain: 'hello', vdev: 'xvda' },
    { config: 'hello-hvm', domain: 'hello-hvm', vdev: 'hda' },
  ])(
    '$config boots from dmu:dscow:…, and only the overlay changes',
    async ({ config, domain, vdev }) => {
      const at = (name: string) => join(session.directory, name);
      await copyFile(ROOT_IMAGE, at('base.img'));
      const before = createHash('sha256')
        .update(await readFile(at('base.img')))
        .digest('hex');
      const text = await readFile(join(PROJECT, 'examples', `${config}.cfg`), 'utf8');
      const disk = `disk = [ "dmu:dscow:${at('x.dscow')}:${at('base.img')},${vdev},w" ]`;
      await writeFile(at('guest.cfg'), text.replace(/^disk *= *\[[^\]]*\]/m, disk));

      const created = await session.xl('create', '-q', at('guest.cfg'));
      expect(created, created.stderr).toMatchObject({ status: 0 });
      const console = session.console(domain);
      await console.heard('guest: ready');
      const served = JSON.parse(await session.ok('dscow', 'list', '--json')) as { name: string; file: string }[];
      expect(served).toMatchObject([{ name: `dom1-${vdev}`, file: at('x.dscow') }]);

      // Another one, of 5 TiB, comes and goes.
      await writeFile(at('big.img'), '');
      await truncate(at('big.img'), 5_497_558_138_880);
      await session.ok(
        'block-attach',
        domain,
        `script=block-dscow,vdev=xvdb,target=dscow:${at('big.dscow')}:${at('big.img')}`,
      );
      await console.heard('guest: disk xvdb (5242880 MiB) appeared');
      await session.ok('block-detach', domain, 'xvdb');
      await console.heard('guest: disk xvdb (5242880 MiB) is gone');

      await session.ok('destroy', domain);
      await expect.poll(() => session.ok('dscow', 'list', '--json'), { timeout: 20_000 }).toBe('[]\n');
      expect(
        createHash('sha256')
          .update(await readFile(at('base.img')))
          .digest('hex'),
      ).toBe(before);
      await session.ok('dscow', 'check', at('x.dscow'));
      execFileSync('cmp', [at('base.img'), ROOT_IMAGE]);
    },
    PATIENCE,
  );
});
