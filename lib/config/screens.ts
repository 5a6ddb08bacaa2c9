import type { DomainConfig } from './domain.ts';
import type { Vfb } from './vfb.ts';

/** The framebuffers that a configuration asks for: those of `vfb`, or the one that `vnc=1` gives a PV guest without. */
export function framebuffers(config: Pick<DomainConfig, 'type' | 'keys' | 'vfbs'>): readonly Vfb[] {
  const { type, keys, vfbs } = config;
  if (vfbs.length > 0) return vfbs.map(({ vfb }) => vfb);
  return type === 'pv' && keys.vnc === true ? [screenOf(config)] : [];
}

/** What the file's own keys say about a screen: that of an HVM guest, or of a PV guest without `vfb`. */
export const screenOf = ({ keys }: Pick<DomainConfig, 'keys'>): Vfb => ({
  vnc: keys.vnc,
  vncListen: keys.vnclisten,
  vncPassword: keys.vncpasswd,
  vncDisplay: keys.vncdisplay,
  vncUnused: keys.vncunused,
  keymap: keys.keymap,
  sdl: keys.sdl,
  opengl: keys.opengl,
  display: keys.display,
  xauthority: keys.xauthority,
});
