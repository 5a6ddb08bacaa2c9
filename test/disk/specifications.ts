import fc from 'fast-check';
import type { Disk } from '../../lib/disk/disk.ts';

/** Pieces of which disk specifications are made, sound ones and others. */
const PIECES = [
  'format=', 'raw', 'qcow2', 'vhd', 'empty', 'devtype=', 'cdrom', 'disk', 'access=', 'r', 'ro', 'w', 'rw', 'w!',
  'backend=', 'backendtype=', 'phy', 'qdisk', 'specification=', 'virtio', 'vdev=', 'xvda', 'hdc', 'hdc:cdrom', 'script=',
  'direct-io-safe', 'discard', 'no-discard', 'trusted', 'colo', 'colo-host=', 'colo-port=', '12', '0', 'colo-export=',
  'active-disk=', 'hidden-disk=', 'target=', '/a', '/dev/x', 'foo=', 'Foo=', 'raw:', 'vhd:', 'nbd:', 'tapdisk:', 'tap:',
  'tap2:', 'aio:', 'sync:', 'ioemu:', 'file:', 'phy:', 'bogus:', 'grant_usage=', 'colo-params=h:1:exportname=e', '=',
  ' ', '\t', '\n', ':', 'é', '映', '-', '1',
]; // prettier-ignore

/** A specification of any worth: parameters put together from the pieces, with commas between them. */
export const anySpecification: fc.Arbitrary<string> = fc
  .array(
    fc.array(fc.constantFrom(...PIECES), { maxLength: 3 }).map((pieces) => pieces.join('')),
    { maxLength: 7 },
  )
  .map((parameters) => parameters.join(','));

const parameter = fc.oneof(
  fc.constantFrom('raw', 'qcow2', 'vhd', 'qed', '').map((format) => `format=${format}`),
  fc.constantFrom('r', 'ro', 'w', 'rw', '').map((access) => `access=${access}`),
  fc.constantFrom('phy', 'tap', 'qdisk', 'standalone').map((backend) => `backendtype=${backend}`),
  fc.constantFrom('xen', 'virtio').map((specification) => `specification=${specification}`),
  fc.constantFrom('cdrom', 'discard', 'no-discard', 'colo', 'no-colo', 'trusted', 'untrusted', 'direct-io-safe'),
  fc.constantFrom('backend=dom', 'script=block-x', 'colo-host=h', 'colo-port=7', 'colo-export=e', 'active-disk=/x'),
  fc.constantFrom('grant_usage=0', 'grant_usage=1', 'hidden-disk=/h', 'devtype=cdrom'),
);
const target = fc.oneof(
  fc.constantFrom('/a', '/a b', '/a,b', '/a,', ',,', 'x=y', 'phy:/x', '', ' /lead', '/trail '),
  fc.string({ maxLength: 12 }).filter((text) => !/[\n\0]/.test(text)),
);

/** Mostly sound specifications that say many things. */
export const soundSpecification: fc.Arbitrary<string> = fc
  .tuple(fc.uniqueArray(parameter, { maxLength: 6, selector: (said) => said.replace(/[-=].*/, '') }), target)
  .map(([said, last]) => ['vdev=xvda', ...said, `target=${last}`].join(','));

/** A disk as plain data, without the prefix that today's form does not have. */
export const withoutPrefix = (disk: Disk): Record<string, unknown> =>
  Object.fromEntries(Object.entries(disk).filter(([field]) => field !== 'legacyPrefix'));
