import { decodeDomain } from '../../lib/config/decode.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { planCreate, type CreateOptions } from '../../lib/plan/create.ts';
import type { Plan } from '../../lib/plan/step.ts';
import { pathsOf } from '../../lib/resolve/paths.ts';
import { resolve } from '../../lib/resolve/resolve.ts';
import { factsOf, imageFile } from '../support/facts.ts';

/** The plan that creates the domain of a configuration, on a Xen host where every image is there. */
export function createPlan(text: string, options: CreateOptions & { host?: 'xen' | 'embedded' }): Plan {
  const parsed = parseConfig(text, { dialect: 'extended', source: 'test.cfg' });
  const { config } = decodeDomain(parsed, { source: 'test.cfg', dialect: 'extended' });
  const images = pathsOf(config).map((path) => [path, imageFile(path.endsWith('qcow2') ? 'qcow2' : 'raw')]);
  const facts = factsOf({ paths: Object.fromEntries(images), host: options.host ?? 'xen' });
  const uuid = '6d1f0f3a-0000-4000-8000-000000000001';
  return planCreate(resolve(config, facts, { uuid, mac: () => [1, 2, 3] }), options);
}

export const PVH = `
type = "pvh"
name = "small"
memory = 64
kernel = "/boot/vmlinuz"
disk = [ "/images/root.img,raw,xvda,w", "/images/data.qcow2,qcow2,xvdb,r" ]
vif = [ "bridge=xenbr0" ]
`;

export const HVM = `
type = "hvm"
name = "big"
memory = 256
vcpus = 2
serial = "pty"
vnc = 1
disk = [ "/images/root.img,raw,hda,w", "/images/data.qcow2,qcow2,xvdb,r" ]
vif = [ "bridge=xenbr0" ]
`;
