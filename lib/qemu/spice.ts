import type { Text } from '../base/text.ts';
import type { Spice } from './device-model.ts';
import { optionString } from './option-string.ts';

/** `-spice`, and the channel of its agent in the guest (libxl_dm.c:dm_spice_options). */
export function spiceArgs(spice: Spice | null): Text[] {
  if (spice === null) return [];
  const options = optionString(null, [
    ['port', spice.port],
    ['tls-port', spice.tlsPort],
    ['addr', spice.host],
    ['disable-ticketing', spice.password === null ? 'on' : null],
    ['password', spice.password],
    ['agent-mouse', spice.agentMouse ? 'on' : 'off'],
    ['disable-copy-paste', spice.clipboardSharing ? null : 'on'],
    ['image-compression', spice.imageCompression],
    ['streaming-video', spice.streamingVideo],
  ]);
  return ['-spice', options, ...(spice.agent ? agentArgs : [])];
}

const agentArgs = [
  ...['-device', 'virtio-serial'],
  ...['-chardev', 'spicevmc,id=vdagent,name=vdagent'],
  ...['-device', 'virtserialport,chardev=vdagent,name=com.redhat.spice.0'],
];
