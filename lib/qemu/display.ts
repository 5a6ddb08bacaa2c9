import { unreachable } from '../base/error.ts';
import type { Text } from '../base/text.ts';
import type { Display, HvmDeviceModel, Sdl, Vnc } from './device-model.ts';
import { optionString, type OptionPair } from './option-string.ts';

/** `-vnc`, which names `none` too, and `-display`: always `none`, then `sdl` where that is wanted. */
export function displayArgs({ vnc, sdl }: Display): Text[] {
  return [
    '-vnc',
    vnc === null ? 'none' : vncArgument(vnc),
    '-display',
    'none',
    ...(sdl === null ? [] : ['-display', 'sdl']),
  ];
}

/** Without any window QEMU uses the terminal, that is, nothing. */
export const isWindowless = ({ vnc, sdl }: Display): boolean => vnc === null && sdl === null;

/** What the X client in QEMU is to know. */
export function sdlEnvironment(sdl: Sdl | null): Record<string, Text> {
  if (sdl === null) return {};
  return {
    ...(sdl.display === null ? {} : { DISPLAY: sdl.display }),
    ...(sdl.xauthority === null ? {} : { XAUTHORITY: sdl.xauthority }),
  };
}

/** `to=` stands last: QEMU's parser wants it so after an address. */
function vncArgument(vnc: Vnc): Text {
  const pairs: OptionPair[] = [
    ['password', vnc.password ? 'on' : null],
    ['to', vnc.findUnused ? 99 : null],
  ];
  return optionString(vncAddress(vnc), pairs);
}

/**
 * `address:display`. A listen address may name the display itself. An IPv6 address gets the brackets that QEMU wants;
 * libxl takes its colons for a display's and QEMU then fails.
 */
function vncAddress({ listen, display }: Vnc): string {
  if (listenNamesDisplay(listen)) return listen;
  return isBareIpv6(listen) ? `[${listen}]:${display}` : `${listen}:${display}`;
}

/** Whether `vnclisten` ends in a display number: `0.0.0.0:5`, `[::1]:5`. */
export const listenNamesDisplay = (listen: string): boolean =>
  listen.startsWith('[') ? !listen.endsWith(']') : listen.includes(':') && !isBareIpv6(listen);

const isBareIpv6 = (listen: string): boolean => !listen.startsWith('[') && listen.split(':').length > 2;

/** The video card with its memory in MiB; qxl splits it in halves (`libxl__build_device_model_args_new`). */
export function videoCardArgs({ vga, videoMemory }: HvmDeviceModel): Text[] {
  const megabytes = Math.floor(videoMemory / 1024);
  switch (vga) {
    case 'stdvga':
      return ['-device', optionString('VGA', [['vgamem_mb', megabytes]])];
    case 'cirrus':
      return ['-device', optionString('cirrus-vga', [['vgamem_mb', megabytes]])];
    case 'qxl': {
      const half = Math.floor(megabytes / 2);
      const halves: OptionPair[] = [
        ['vram_size_mb', half],
        ['ram_size_mb', half],
      ];
      return ['-device', optionString('qxl-vga', halves)];
    }
    case 'none':
      return [];
    default:
      return unreachable(vga);
  }
}
