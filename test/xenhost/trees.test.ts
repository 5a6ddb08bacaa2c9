import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dom0, PROJECT_IN_DOM0, shell, traces } from './dom0.ts';
import { plainDevices } from './guests.ts';
import { CONFIGURATIONS, CREATED_IN, createWords, type Configuration } from './trees/configurations.ts';
import { explainedIn } from './trees/explained.ts';
import { differences, leavesOf, treeOf, type Identity, type Tree } from './trees/tree.ts';

/**
 * What a creation leaves in xenstore and in the kept configuration, beside what stock xl's leaves. Stock's answers are recorded
 * in test/fixtures/xenhost/trees; XL_TREES_RECORD=1 records them anew. For a few guests stock xl is asked each time.
 */
const RECORD = process.env.XL_TREES_RECORD === '1';
const LIVE: readonly string[] = ['pv', 'empty-cdrom'];

const XL = { stock: 'xl', ours: `node ${PROJECT_IN_DOM0}/dist/xl.cjs --host xen` };

/** What there is of a domain after its creation. */
interface Made {
  /** Its nodes. */
  readonly tree: Tree;
  /** The leaves of its userdata `libxl-json`. */
  readonly kept: Tree;
}

const fixture = (name: string): URL => new URL(`../fixtures/xenhost/trees/${name}.json`, import.meta.url);

/** Creates a guest, paused, notes what there is of it, and destroys it; with `lists` also both toolstacks' `list -l`. */
async function made(who: keyof typeof XL, configuration: Configuration, lists = false) {
  const { name } = configuration;
  const words = createWords(configuration).map((word) => `'${word}'`);
  const said = await shell(`
    cd ${CREATED_IN}
    ${XL[who]} create -p -e ${words.join(' ')} > /tmp/said 2>&1 < /dev/null || { cat /tmp/said >&2; exit 1; }
    domid=$(xl domid ${name}); uuid=$(xenstore-read /local/domain/$domid/vm); uuid=\${uuid#/vm/}
    printf '%s\\f%s\\f' $domid $uuid
    xenstore-ls -f -p; printf '\\f'
    tr -d '\\0' < /var/lib/xen/userdata-d.$domid.$uuid.libxl-json; printf '\\f'
    ${lists ? `xl list -l ${name}; printf '\\f'; ${XL.ours} list -l ${name}` : ''}
    xl destroy ${name} > /dev/null 2>&1`);
  const [domid = '', uuid = '', listing = '', kept = '', stockList = '', ourList = ''] = said.split('\f');
  const identity: Identity = { domid: Number(domid), uuid };
  const found: Made = { tree: treeOf(listing, identity), kept: leavesOf(JSON.parse(kept), identity) };
  return { ...found, stockList, ourList };
}

async function stockMade(configuration: Configuration): Promise<Made> {
  const { tree, kept } = await made('stock', configuration);
  return { tree, kept };
}

const recorded = (name: string): Made => JSON.parse(readFileSync(fixture(name), 'utf8')) as Made;

let before: string[];

beforeAll(async () => {
  await plainDevices();
  await shell('qemu-img create -q -f vpc /root/disk.vhd 8M');
  before = await traces();
});
afterAll(() => dom0('rm', '-f', '/root/disk.vhd', '/tmp/said'));

describe.each(CONFIGURATIONS)('$name', (configuration) => {
  const { name, base } = configuration;

  if (RECORD || LIVE.includes(name))
    it(RECORD ? 'is recorded as stock xl makes it' : 'is made by stock xl as it was recorded', async () => {
      const stock = await stockMade(configuration);
      if (RECORD) writeFileSync(fixture(name), `${JSON.stringify(stock, null, 1)}\n`);
      expect(stock).toEqual(recorded(name));
    });

  it('has the nodes, permissions and kept configuration that stock xl’s has, but for what is explained', async () => {
    const stock = recorded(name);
    // The guests of the harness are also listed in full by both.
    const ours = await made('ours', configuration, name === base);
    expect(differences(stock.tree, ours.tree)).toEqual(explainedIn(name, 'xenstore'));
    expect(differences(stock.kept, ours.kept)).toEqual(explainedIn(name, 'libxl-json'));
    expect(Object.keys(ours.tree).length).toBeGreaterThan(40);
    if (name === base) expect(ours.stockList).toContain(`"name": "${name}"`);
    expect(ours.ourList).toBe(ours.stockList);
  });
});

describe('all of them', () => {
  it('are gone again, and nothing is left', async () => {
    expect(await traces()).toEqual(before);
  });
});
