import type { HostDirs } from '../base/facts.ts';
import { t, type Text } from '../base/text.ts';

/** Names of the files that belong to a domain, as libxl and stock xl know them (xenstore-nodes.md section 10). */

/** The domain's configuration as libxl's JSON; what `list -l` reads and what a later command of any toolstack trusts. */
export const userdataFile = (dirs: HostDirs, domid: Text, uuid: string): Text =>
  t`${dirs.lib}/userdata-d.${domid}.${uuid}.libxl-json`;

/** The lock that libxl takes while it reads and writes what is kept of a domain; gone while nobody holds it. */
export const userdataLock = (dirs: HostDirs, domid: Text, uuid: string): Text =>
  t`${dirs.lib}/userdata-l.${domid}.${uuid}.domain-userdata-lock`;

/** The configuration that `xl config-update` has left for the next reboot, as the user's text. */
export const nextConfigFile = (dirs: HostDirs, domid: Text, uuid: string): Text =>
  t`${dirs.lib}/userdata-d.${domid}.${uuid}.xl`;

/**
 * Our own: the configuration as it was given, by which our monitor makes the domain again. It is there from before the
 * domain's first node until after its last, so it also says that a domain is ours. Among libxl's userdata, as libxl
 * removes all of a domain's.
 */
export const givenFile = (dirs: HostDirs, domid: Text, uuid: string): Text =>
  t`${dirs.lib}/userdata-d.${domid}.${uuid}.xl-ts`;

/** What a domain's monitor says; stock xl's writes there, too. */
export const monitorLog = (dirs: HostDirs, name: string): string => `${dirs.log}/xl-${name.replaceAll('/', '_')}.log`;

/** Which process is the monitor of the domain with this uuid: there as long as it should have one. */
export const monitorNoteFile = (dirs: Pick<HostDirs, 'state'>, uuid: string): string =>
  `${dirs.state}/monitor-${uuid}.json`;

/** QEMU's monitor for the toolstack. */
export const qmpSocket = (dirs: HostDirs, domid: Text): Text => t`${dirs.run}/qmp-libxl-${domid}`;

/** A second monitor, for xentop and its like. */
export const libxenstatSocket = (dirs: HostDirs, domid: Text): Text => t`${dirs.run}/qmp-libxenstat-${domid}`;

/** What QEMU says. */
export const deviceModelLog = (dirs: HostDirs, name: string): string => `${dirs.log}/qemu-dm-${name}.log`;

/** On the embedded host: the socket of the guest's first console or serial line, which its daemon reads. */
export const consoleSocket = (dirs: HostDirs, domid: Text): Text => t`${dirs.state}/machine-${domid}-console.sock`;
