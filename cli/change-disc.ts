import { XlError } from '../lib/base/error.ts';
import { tryDescribeVdev } from '../lib/disk/vdev.ts';
import { planChangeDisc, requireDrive, type Disc } from '../lib/plan/cdrom.ts';
import { carryOut } from './carry-out.ts';
import type { CommandContext } from './command.ts';
import { gatherPaths } from './facts.ts';
import { requireDomain } from './find-domain.ts';
import { intentOf, type PlanningOptions } from './intent.ts';
import { withHost } from './open-host.ts';
import { printPlan } from './print/plan.ts';

/** `cd-insert` and `cd-eject`: the domain, the drive and the disc as typed (null takes it out), a plan, and that carried out. */
export async function changeDisc(
  context: CommandContext,
  options: PlanningOptions,
  { domain: domainWord, drive: driveWord, file }: { domain: string; drive: string; file: string | null },
): Promise<number> {
  const disc = file === null || file === '' ? null : await requireDisc(file);
  return withHost(context, async (host) => {
    const domain = await requireDomain(host.ports.store, domainWord);
    const drive = requireDrive(domain, driveWord, tryDescribeVdev(driveWord)?.devid ?? null);
    const plan = planChangeDisc(domain, drive, disc, host.description);
    const intent = intentOf(context, options);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, context.terminal, () => []);
      return 0;
    }
    try {
      await carryOut(plan, host, context, { quiet: true });
    } catch (error) {
      throw explained(error);
    }
    if (context.global.json) {
      context.terminal.out(
        `${JSON.stringify({ domid: domain.domid, devid: drive.devid, disc: disc?.path ?? null })}\n`,
      );
    }
    return 0;
  });
}

/** QEMU opens the disc, in a directory of its own: it needs the whole path. */
async function requireDisc(file: string): Promise<Disc> {
  const found = (await gatherPaths([file]))[file];
  if (found === undefined || found.kind === 'missing') {
    throw new XlError('cdrom-missing', `Cannot stat file: ${file}`, { hint: 'the disc is a file or a block device' });
  }
  if (found.kind !== 'file' && found.kind !== 'block') {
    throw new XlError('cdrom-missing', `${file} is no disc`, { hint: 'the disc is a file or a block device' });
  }
  return { path: file.startsWith('/') ? file : `${process.cwd()}/${file}` };
}

/** A tray that the guest has locked opens when the guest lets it: QEMU has asked it to. */
function explained(error: unknown): unknown {
  if (!(error instanceof XlError) || !/is locked|tray/.test(error.message)) return error;
  return new XlError('cdrom-locked', error.message, {
    evidence: error.evidence,
    cause: error.cause,
    hint: 'the guest has locked the tray; unmount the disc there, or wait until it has let go, and try again',
  });
}
