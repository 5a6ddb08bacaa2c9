import { XlError } from '../../base/error.ts';
import { errnoNameOf } from '../../sys/sys.ts';

/**
 * The error of a hypercall that Xen refused: `what` as `domctl max_mem of domain 3`. Codes: `no-such-domain`,
 * `out-of-memory`, `no-privilege`, and `hypercall-failed` for all else; `errnoNameOf` tells these apart.
 */
export function hypercallFailed(what: string, cause: unknown): XlError {
  const errno = errnoNameOf(cause) ?? 'no errno';
  switch (errno) {
    case 'ESRCH':
      return new XlError('no-such-domain', `Xen knows no such domain: ${what} (ESRCH)`, { cause });
    case 'ENOMEM':
      return new XlError('out-of-memory', `Xen has too little memory for ${what} (ENOMEM)`, {
        hint: 'xl info says how much is free (free_memory)',
        cause,
      });
    case 'EPERM':
      return new XlError('no-privilege', `Xen does not let this domain do ${what} (EPERM)`, {
        hint: 'only root in the control domain (dom0) may; a security policy (XSM) may say no as well',
        cause,
      });
    default:
      return new XlError('hypercall-failed', `Xen refused ${what}: ${wordsOf(cause)}`, { cause });
  }
}

const BOOT_XEN = 'boot the host with Xen, as its domain 0';
const MODULES = 'modprobe -a xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs';

/** privcmd is our own need; the other modules are those of xenstored, xenconsoled and QEMU, which come to want them next. */
const HOW_TO_GET_IT: Readonly<Record<string, string>> = {
  '/dev/xen/privcmd': `${BOOT_XEN}; where it is booted so, load its modules: ${MODULES}`,
  '/dev/xen/hypercall': 'Linux 4.18 and newer have it beside /dev/xen/privcmd: boot such a kernel in domain 0',
};

/** The error of a device in /dev/xen that cannot be opened: which module, or whose right, is missing. */
export function cannotOpen(device: string, cause: unknown): XlError {
  switch (errnoNameOf(cause) ?? 'no errno') {
    case 'ENOENT':
    case 'ENODEV':
    case 'ENXIO':
      return new XlError('no-xen', `this is no Xen control domain: ${device} is not there`, {
        hint: HOW_TO_GET_IT[device] ?? BOOT_XEN,
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new XlError('no-privilege', `${device} may not be opened: hypercalls are root’s`, {
        hint: 'run the command as root, in dom0',
        cause,
      });
    default:
      return new XlError('no-xen', `${device} cannot be opened: ${wordsOf(cause)}`, { cause });
  }
}

/** The words of the system call's own error: `invalid argument (EINVAL)`. */
function wordsOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.slice(message.indexOf(': ') + 1).trim();
}
