import { XlError } from '../../base/error.ts';
import { loadSys } from '../../sys/koffi.ts';
import { errnoNameOf, type Sys } from '../../sys/sys.ts';
import { DOMCTL_VERSIONS, encodeDomctl, type InterfaceVersion } from '../../xen/abi/domctl.ts';
import { XENVER } from '../../xen/abi/stable.ts';
import { encodeSysctl, SYSCTL_VERSIONS } from '../../xen/abi/sysctl.ts';
import { Privcmd } from './privcmd.ts';

/** The hypervisor, and the versions of its two interfaces that are not stable: what every hypercall of ours takes. */
export interface Xen {
  readonly privcmd: Privcmd;
  /** XEN_DOMCTL_INTERFACE_VERSION that it speaks. */
  readonly domctl: number;
  /** XEN_SYSCTL_INTERFACE_VERSION that it speaks. */
  readonly sysctl: number;
  close(): void;
}

/**
 * Opens the hypervisor and finds out by asking which interface versions it speaks. Errors: `no-native-calls`, `no-xen`,
 * `no-privilege`, `unknown-xen-interface`.
 */
export async function openXen(sys?: Sys): Promise<Xen> {
  const privcmd = Privcmd.open(sys ?? (await loadSys()));
  try {
    const domctl = spoken(privcmd, 'domctl', DOMCTL_VERSIONS, (version) =>
      encodeDomctl('getdomaininfo', 0, {}, version),
    );
    const sysctl = spoken(privcmd, 'sysctl', SYSCTL_VERSIONS, (version) => encodeSysctl('physinfo', {}, version));
    return { privcmd, domctl, sysctl, close: () => privcmd.close() };
  } catch (error) {
    privcmd.close();
    throw error;
  }
}

/** Asks with the newest known version first: Xen answers EACCES to one that is not its own, and to nothing else here. */
function spoken(
  privcmd: Privcmd,
  family: 'domctl' | 'sysctl',
  known: readonly InterfaceVersion[],
  question: (version: number) => Uint8Array,
): number {
  for (const { version } of known.toReversed()) {
    try {
      privcmd.arena.scoped(() =>
        privcmd.hypercall(
          family,
          [privcmd.arena.place(question(version)).address],
          `${family} of version 0x${version.toString(16)}`,
        ),
      );
      return version;
    } catch (error) {
      if (errnoNameOf(error) !== 'EACCES') throw error;
    }
  }
  throw unknownInterface(privcmd, family, known);
}

function unknownInterface(privcmd: Privcmd, family: string, known: readonly InterfaceVersion[]): XlError {
  const answer = privcmd.hypercall('xen_version', [XENVER.version], 'xen_version');
  const release = `Xen ${answer >> 16}.${answer & 0xffff}`;
  return new XlError('unknown-xen-interface', `${release} speaks none of the ${family} versions that xl-ts knows`, {
    hint: 'a newer xl-ts may know it; the xl that came with this Xen does',
    evidence: [
      {
        title: `${family} versions that xl-ts knows`,
        lines: known.map(({ version, releases }) => `0x${version.toString(16)}  ${releases}`),
      },
    ],
  });
}
