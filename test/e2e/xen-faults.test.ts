import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  KERNEL,
  startPretendHost,
  whyNoPretendHost,
  whyNotApart,
  type Outcome,
  type PretendHost,
} from '../support/pretend-host.ts';
import { makeBzImage, makeElf } from '../xen/build/make-elf.ts';

const built = existsSync('dist/xl.cjs') ? null : 'the build is missing; run `npm run build`';
const reason = built ?? whyNoPretendHost() ?? whyNotApart();
if (reason !== null) console.warn(`skipped: ${reason}`);

/** Starting the program several times on a busy machine takes its time; a silent xenstored is waited for half a minute. */
const PATIENCE = 180_000;
const [ENOENT, EACCES] = [2, 13];

describe.runIf(reason === null)('on a Xen host on which something is amiss', () => {
  let host: PretendHost;
  let directory: string;
  beforeAll(async () => {
    host = await startPretendHost();
  }, PATIENCE);
  afterAll(() => host.stop());
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'xl-faults-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const xl = (words: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> =>
    host.apart(words, { directory, env: { ...env, NO_COLOR: '1' } });

  function write(name: string, content: string | Uint8Array, mode = 0o644): string {
    const path = join(directory, name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    return path;
  }

  /** A configuration of a small PVH guest; keys that are given again override those before. */
  const config = (...lines: readonly string[]): string =>
    write('web.cfg', ['name = "web"', 'type = "pvh"', 'memory = 64', `kernel = "${KERNEL}"`, ...lines, ''].join('\n'));

  /** Nodes, domains and files, logs left out. Files that say what QEMU is, and which domids there were, are to stay. */
  async function remains(): Promise<unknown> {
    const { stdout } = await xl(['--json', 'list']);
    const tree = async (path: string): Promise<readonly string[]> => {
      const names = await host.store.directory(path);
      const below = await Promise.all(names.map((name) => tree(`${path === '/' ? '' : path}/${name}`)));
      return [path, ...below.flat()];
    };
    const files = (readdirSync(directory, { recursive: true }) as string[]).filter(
      (name) => /^(lib|run)\//.test(name) && !KEPT.test(name),
    );
    return { nodes: (await tree('/')).toSorted(), files: files.toSorted(), domains: stdout };
  }

  /** Creates a domain that cannot be, and holds that all is then as before; what was said of it. */
  async function refused(file: string, env: NodeJS.ProcessEnv = {}): Promise<Pick<Outcome, 'status' | 'stderr'>> {
    const before = await remains();
    const { status, stderr, stdout } = await xl(['create', '-q', '-e', '-p', file], env);
    expect(stdout).toBe('');
    expect(await remains()).toEqual(before);
    return { status, stderr: stderr.replaceAll(directory, 'DIR') };
  }

  test(
    'a machine that runs no Xen is said to be one',
    async () => {
      expect(await xl(['list'], { PRETEND_XEN: '/nonexistent' })).toMatchInlineSnapshot(`
        {
          "status": 1,
          "stderr": "error: no Xen runs on this machine
          hint  boot Xen and Linux as its domain 0; \`--host embedded\` does without Xen
          caused by  ENOENT: no such file or directory, open '/sys/hypervisor/version/major'
        ",
          "stdout": "",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'devices that are not there are said, with the modules that bring them',
    async () => {
      expect(await xl(['list'], { PRETEND_ERRNO: String(ENOENT) })).toMatchInlineSnapshot(`
        {
          "status": 1,
          "stderr": "error: this is no Xen control domain: /dev/xen/privcmd is not there
          hint  boot the host with Xen, as its domain 0; where it is booted so, load its modules: modprobe
                -a xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs
          caused by  open /dev/xen/privcmd: no such file or directory (ENOENT)
          caused by  ENOENT: no such file or directory
        ",
          "stdout": "",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'somebody who is not root is told so',
    async () => {
      expect(await xl(['list'], { PRETEND_ERRNO: String(EACCES) })).toMatchInlineSnapshot(`
        {
          "status": 1,
          "stderr": "error: /dev/xen/privcmd may not be opened: hypercalls are root’s
          hint  run the command as root, in dom0
          caused by  open /dev/xen/privcmd: permission denied (EACCES)
          caused by  EACCES: permission denied
        ",
          "stdout": "",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'a xenstored that is not there is looked for where it could be',
    async () => {
      expect(await xl(['list'], { XENSTORED_PATH: '/nonexistent/socket' })).toMatchInlineSnapshot(`
        {
          "status": 1,
          "stderr": "error: no xenstore answers at /nonexistent/socket
          hint  start xenstored, or name its socket in XENSTORED_PATH
          tried:
            /nonexistent/socket: ENOENT
        ",
          "stdout": "",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'a xenstored that does not answer is waited for so long',
    async () => {
      const path = join(directory, 'silent');
      const server = await listen(path);
      const { status, stdout, stderr } = await xl(['list'], { XENSTORED_PATH: path });
      server.close();
      expect({ status, stdout, stderr: stderr.replaceAll(directory, 'DIR') }).toMatchInlineSnapshot(`
        {
          "status": 1,
          "stderr": "error: DIR/silent did not answer READ /local/domain/0/name within 30 s
          hint  xenstored is there but silent: see whether it hangs or is stopped
        ",
          "stdout": "",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'memory that Xen does not have is counted',
    async () => {
      expect(await refused(config('memory = 10240'))).toMatchInlineSnapshot(`
        {
          "status": 3,
          "stderr": "error: the domain needs 10240 MiB and 41 MiB for its page tables, and Xen has 8192 MiB free
          at DIR/web.cfg:5:10
            5 | memory = 10240
                         ^^^^^
          hint  lower memory=, or make room: \`xl list\` shows who has how much, \`xl mem-set\` takes some from
                a guest or domain 0
        ",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'a kernel without the note that starts it is told by those that it has',
    async () => {
      const kernel = write(
        'vmlinux',
        makeElf({
          segments: [{ physical: 0x100000n, bytes: new Uint8Array(16) }],
          notes: [{ type: 6, value: 'linux' }],
        }),
      );
      expect(await refused(config(`kernel = "${kernel}"`))).toMatchInlineSnapshot(`
        {
          "status": 3,
          "stderr": "error: the kernel cannot be started as PVH: it has no PHYS32_ENTRY note
          hint  its notes are GUEST_OS; Linux has it when built with CONFIG_PVH, and type="pv" needs ENTRY
                instead
          step:
            build: load DIR/vmlinux
            kernel, ramdisk, command line and start info go into the guest’s memory
        ",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'a kernel that is packed in an unknown way is told by its first bytes',
    async () => {
      const kernel = write('vmlinuz', makeBzImage(Buffer.from('what is this packed with?')));
      expect(await refused(config(`kernel = "${kernel}"`))).toMatchInlineSnapshot(`
        {
          "status": 3,
          "stderr": "error: kernel DIR/vmlinuz: its kernel is packed in a way that is not known here
          hint  known are gzip, xz, zstd, lz4, bzip2, lzma, lzop; this one starts with the bytes
                7768617420697320
          step:
            build: load DIR/vmlinuz
            kernel, ramdisk, command line and start info go into the guest’s memory
        ",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'a QEMU that ends while it starts is heard',
    async () => {
      const qemu = write(
        'qemu',
        '#!/bin/sh\ncase "$*" in *-version*) echo "QEMU emulator version 7.2.22"; exit;; esac\necho "qemu: cannot open the image" >&2\nexit 3\n',
        0o755,
      );
      const image = write('disk.qcow2', qcow2());
      const told = await refused(config(`disk = [ "${image},qcow2,xvda,rw" ]`), { XL_QEMU: qemu });
      expect(told).toMatchInlineSnapshot(`
        {
          "status": 3,
          "stderr": "error: qemu ended with status 3 before it was ready
          hint  its own words are in /var/log/xen/qemu-dm-web.log
          last lines of /var/log/xen/qemu-dm-web.log:
            qemu: cannot open the image
          step:
            device-model: start the device model
            QEMU serves xvda
        ",
        }
      `);
    },
    PATIENCE,
  );

  test(
    'an interface’s script that fails is heard',
    async () => {
      const script = write('vif-broken', '#!/bin/sh\necho "no bridge xenbr9" >&2\nexit 4\n', 0o755);
      expect(await refused(config(`vif = [ "script=${script},bridge=xenbr9" ]`))).toMatchInlineSnapshot(`
        {
          "status": 3,
          "stderr": "error: DIR/vif-broken online type_if=vif exited with status 4
          output of DIR/vif-broken online type_if=vif:
            no bridge xenbr9
          step:
            vif0-script: run DIR/vif-broken online for vif0
            the script puts the interface on its bridge
        ",
        }
      `);
    },
    PATIENCE,
  );
});

const KEPT = /qemu-version|domid-history/;

/** Takes connections and says nothing. */
function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  return new Promise((resolve, reject) => server.once('error', reject).listen(path, () => resolve(server)));
}

/** The header of a qcow2 image of 1 MiB, version 2, which is all that is looked at here. */
function qcow2(): Buffer {
  const header = Buffer.alloc(4 * 65_536);
  header.write('QFI\u00fb', 0, 'latin1');
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(16, 20);
  header.writeBigUInt64BE(2n ** 20n, 24);
  header.writeUInt32BE(1, 36);
  header.writeBigUInt64BE(65_536n, 40);
  header.writeBigUInt64BE(131_072n, 48);
  header.writeUInt32BE(1, 56);
  return header;
}
