import { decodeDomain } from '../../lib/config/domain.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { planCreate, type CreateOptions } from '../../lib/plan/create.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import type { Resolved } from '../../lib/resolve/resolved.ts';
import { factsOf, imageFile } from '../support/facts.ts';

/** The uuid of every guest made here: there is one at a time. */
export const UUID = '6d1f0f3a-0000-4000-8000-000000000001';

/** Configurations by the name of the guest. */
export const guests: Readonly<Record<string, string>> = {
  small: `
    type = "pvh"
    name = "small"
    memory = 64
    kernel = "/boot/vmlinuz"
    disk = [ "/images/root.img,raw,xvda,w", "/images/data.qcow2,qcow2,xvdb,r" ]
    vif = [ "bridge=xenbr0" ]
  `,
  classic: `
    type = "pv"
    name = "classic"
    memory = 64
    kernel = "/boot/vmlinuz"
    ramdisk = "/boot/initrd"
    disk = [ "/images/root.img,raw,xvda,w" ]
  `,
  big: `
    type = "hvm"
    name = "big"
    memory = 256
    vcpus = 2
    serial = "pty"
    vnc = 1
    disk = [ "/images/root.img,raw,hda,w", "/images/data.qcow2,qcow2,xvdb,w" ]
    vif = [ "bridge=xenbr0" ]
  `,
};

/** A configuration with every choice made, on a host where every image is there. */
export function resolved(text: string, host: 'xen' | 'embedded'): Resolved {
  const parsed = parseConfig(text, { dialect: 'extended', source: 'test.cfg' });
  const { config } = decodeDomain(parsed, { source: 'test.cfg', dialect: 'extended' });
  const images = pathsOf(config).map((path) => [path, imageFile(path.endsWith('qcow2') ? 'qcow2' : 'raw')] as const);
  return resolve(config, factsOf({ paths: Object.fromEntries(images), host }), { uuid: UUID, mac: () => [1, 2, 3] });
}

/** The plan that creates the domain of a configuration. */
export const createPlan = (text: string, options: CreateOptions & { host: 'xen' | 'embedded' }): Plan =>
  planCreate(resolved(text, options.host), options);
