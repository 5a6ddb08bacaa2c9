import type { CommandName, RunOf } from './index.ts';

/** Where each command's code is; loaded when it runs and not before, so that no command pays for another. */
export const implementations: { readonly [Name in CommandName]: () => Promise<{ readonly run: RunOf<Name> }> } = {
  create: () => import('./create.ts'),
  list: () => import('./list.ts'),
  destroy: () => import('./destroy.ts'),
  pause: () => import('./pause.ts'),
  unpause: () => import('./unpause.ts'),
  console: () => import('./console.ts'),
  domid: () => import('./domid.ts'),
  domname: () => import('./domname.ts'),
  'block-attach': () => import('./block-attach.ts'),
  'block-list': () => import('./block-list.ts'),
  'block-detach': () => import('./block-detach.ts'),
  'disk explain': () => import('./disk-explain.ts'),
  'disk probe': () => import('./disk-probe.ts'),
  'host status': () => import('./host-status.ts'),
  'host facts': () => import('./host-facts.ts'),
  'host stop': () => import('./host-stop.ts'),
  'host daemon': () => import('./host-daemon.ts'),
  hotplug: () => import('./hotplug.ts'),
  completion: () => import('./completion.ts'),
  help: () => import('./help.ts'),
  version: () => import('./version.ts'),
};
