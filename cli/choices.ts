import { randomBytes, randomUuid } from '../lib/host/chance.ts';
import type { DomainConfig } from '../lib/config/domain.ts';
import type { Choices } from '../lib/resolve/resolved.ts';

/** What chance decides about a new domain: its uuid and its interfaces' addresses. Drawn once for each command. */
export function drawChoices(): Choices {
  const macs = new Map<number, readonly [number, number, number]>();
  return {
    uuid: randomUuid(),
    mac: (index) => {
      const drawn = macs.get(index) ?? drawMac();
      macs.set(index, drawn);
      return drawn;
    },
  };
}

/** What an identity of its own is drawn of for a domain: its uuid, unless it is said, and its generation. */
export const drawIdentity = ({
  keys,
}: Pick<DomainConfig, 'keys'>): { uuid: string; generation: readonly number[] } => ({
  uuid: keys.uuid ?? randomUuid(),
  generation: [...randomBytes(4), ...randomBytes(4), ...randomBytes(4), ...randomBytes(4)],
});

function drawMac(): readonly [number, number, number] {
  const [first, second, third] = randomBytes(3);
  // Xen's own addresses, 00:16:3e, have the first bit of what follows clear (libxl_nic.c).
  return [first! & 0x7f, second!, third!];
}
