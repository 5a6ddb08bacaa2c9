import { ask, dom0, guestSays, shell } from './dom0.ts';

/** How often a guest that an emulated CPU's fault ends is started again. */
const TRIES = 3;

/**
 * Creates a guest and waits until it is ready. The emulated CPU has a fault that now and then ends one, stock xl's as ours:
 * what was Xen's is then found in the guest's registers, and Xen calls it a triple fault. Only such an end is tried again.
 */
export async function boot(name: string, create: () => Promise<unknown>, tries = TRIES): Promise<void> {
  // What an earlier guest of that name has said is not this one's.
  await shell(
    `rm -f /var/log/xen/guest-${name}.log; kill -HUP $(cat /var/run/xen/xenconsoled.pid); xl dmesg -c > /dev/null`,
  );
  await create();
  try {
    await guestSays(name, 'guest: ready');
  } catch (error) {
    const fault = (await dom0('xl', 'dmesg')).stdout.includes('Triple fault');
    if (!fault || tries === 1) throw error;
    process.stderr.write(`${name} ended by the emulated CPU's fault, once more\n`);
    await dom0('xl', 'destroy', name);
    await boot(name, create, tries - 1);
  }
}

/** Makes /dev/loop7, which pv-net has as its disk, and /dev/loop6, to attach; fine where an earlier file's tests did. */
export const plainDevices = () =>
  shell(`
    losetup /dev/loop7 > /dev/null 2>&1 || losetup /dev/loop7 /guests/disks/loop.img
    losetup /dev/loop6 > /dev/null 2>&1 || { cp /guests/disks/loop.img /root/other.img; losetup /dev/loop6 /root/other.img; }`);

/** What a guest's shell answers to a command: one word, by which the answer is known from what was typed. */
export async function told(name: string, command: string, options = ['-t', 'pv']): Promise<string> {
  const said = await ask(name, `echo told-"$(${command})"-end`, 'told-[^"]*-end', options);
  return /told-([^"]*)-end/.exec(said)?.[1]?.trim() ?? '';
}

/** How many PV disks the guest sees; it looks for a while until they are as many as expected. */
export async function disksIn(name: string, expected: number): Promise<number> {
  const count = '$(grep -c xvd /proc/partitions)';
  const look = `for i in $(seq 50); do [ ${count} = ${expected} ] && break; sleep 0.2; done; echo ${count}`;
  return Number(await told(name, look));
}
