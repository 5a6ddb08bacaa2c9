import { usageError } from '../usage.ts';
import { run as attach } from './dscow-attach.ts';
import type { RunOf } from './index.ts';

/** `cowd -p dscow [--sync=a] NAME COW` of dm-userspace (2006): `xl dscow attach`. */
export const run: RunOf<'cowd'> = (context, { options, words }) => {
  const { plugin } = options;
  if (plugin?.startsWith('-') === true) {
    throw usageError('swallowed-option', `-p took "${plugin}" for the plugin's name.`, {
      hint: `the name follows -p at once: cowd -p dscow ${plugin} NAME COWFILE`,
    });
  }
  if (plugin !== 'dscow') {
    throw usageError('unknown-plugin', `of cowd's plugins only dscow is known, not "${plugin ?? ''}".`, {
      hint: 'for qcow make a qcow2 overlay: qemu-img create -f qcow2 -b BASE -F raw OVERLAY.qcow2',
    });
  }
  const attaching = { 'read-only': false, sync: options.sync, 'force-base': false, via: undefined };
  return attach(context, { options: attaching, words });
};
