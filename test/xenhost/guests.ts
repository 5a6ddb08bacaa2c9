import { ask, guestSays, shell } from './dom0.ts';

/** How long a test may take, in milliseconds, that waits for a guest's start. */
export const BOOT_MS = 600_000;

/** Creates a guest and waits until it is ready. */
export async function boot(name: string, create: () => Promise<unknown>): Promise<void> {
  // What an earlier guest of that name has said is not this one's.
  await shell(
    `rm -f /var/log/xen/guest-${name}.log; kill -HUP $(cat /var/run/xen/xenconsoled.pid); xl dmesg -c > /dev/null`,
  );
  await create();
  await guestSays(name, 'guest: ready');
}

/** Destroys what a failed test has left of a guest; one that its monitor makes anew at this moment, too. */
export const sweepAway = (name: string) =>
  shell(`
    absent=0
    while [ $absent -lt 4 ]; do
      if xl destroy ${name} > /dev/null 2>&1; then absent=0; else absent=$((absent + 1)); fi
      sleep 0.5
    done`);

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
