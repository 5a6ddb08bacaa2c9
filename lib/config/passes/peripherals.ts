import { valuePlace, type Finding, type Pass } from '../reading.ts';

const error = (code: string, message: string, rest: Omit<Finding, 'severity' | 'code' | 'message'>): Finding => ({
  severity: 'error',
  code,
  message,
  ...rest,
});

/** SPICE needs a port and says who may come; libxl finds out when the domain is half made. */
export const spice: Pass = ({ type, keys, parsed }) => {
  if (type !== 'hvm' || keys.spice !== true) return [];
  const findings: Finding[] = [];
  const place = valuePlace(parsed, 'spice');
  if ((keys.spiceport ?? 0) === 0 && (keys.spicetls_port ?? 0) === 0) {
    const hint = 'add spiceport = 6000';
    findings.push(error('spice-port', 'SPICE has no port to listen on', { ...place, hint }));
  }
  if (keys.spicedisable_ticketing !== true && (keys.spicepasswd ?? '') === '') {
    const hint = 'add spicepasswd = "…", or spicedisable_ticketing = 1 where everybody may come';
    findings.push(error('spice-password', 'SPICE asks for a password, and there is none', { ...place, hint }));
  }
  return findings;
};

/** A machine has one kind of USB controller: QEMU's own, or that of a version. */
export const usbControllers: Pass = ({ type, keys, parsed }) => {
  if (type !== 'hvm') return [];
  const own = keys.usb === true || (keys.usbdevice ?? []).length > 0;
  const redirected = keys.spiceusbredirection !== null && keys.spiceusbredirection > 0;
  const findings: Finding[] = [];
  if (own && (keys.usbversion !== null || redirected)) {
    const message = 'usbversion and/or usbredirection cannot be enabled with usb and/or usbdevice parameters.';
    const hint = 'choose one: usb and usbdevice, or usbversion and spiceusbredirection';
    const key = keys.usbversion === null ? 'spiceusbredirection' : 'usbversion';
    findings.push(error('usb-contradiction', message, { ...valuePlace(parsed, key), hint }));
  }
  if (redirected && keys.spice !== true) {
    const message = '`spiceusbredirection` has no effect without `spice`';
    const place = valuePlace(parsed, 'spiceusbredirection');
    findings.push({ severity: 'warning', code: 'usb-without-spice', message, ...place, hint: 'add spice = 1' });
  }
  return findings;
};
