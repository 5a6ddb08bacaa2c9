import { padEnd, padStart } from './text.ts';

/** How long a domain has run. */
export interface DomainUptime {
  readonly domid: number;
  readonly name: string;
  /** Whole seconds. */
  readonly seconds: number;
}

/** `xl uptime`, byte for byte (xl_info.c:print_uptime). */
export const uptimeLines = (domains: readonly DomainUptime[]): string[] => [
  `${padEnd('Name', 33)} ${padStart('ID', 4)} Uptime`,
  ...domains.map(
    ({ name, domid, seconds }) =>
      `${padEnd(name, 33)} ${padStart(String(domid), 4)} ${duration(seconds, 'to-seconds')}`,
  ),
];

/** `xl uptime -s`: a line for each domain that begins with the time of day, as uptime(1)'s does. */
export function shortUptimeLines(domains: readonly DomainUptime[], now: Date): string[] {
  const [hours, minutes, seconds] = [now.getHours(), now.getMinutes(), now.getSeconds()].map(twoDigits);
  return domains.map(
    ({ name, domid, seconds: up }) =>
      ` ${hours!}:${minutes!}:${seconds!} up ${duration(up, 'to-minutes')}, ${name} (${domid})`,
  );
}

const DAY = 86_400;
const HOUR = 3600;
const MINUTE = 60;

/** `2 days,  3:04:05` */
function duration(seconds: number, exactness: 'to-seconds' | 'to-minutes'): string {
  const days = Math.floor(seconds / DAY);
  const hours = padStart(String(Math.floor((seconds % DAY) / HOUR)), 2);
  const minutes = twoDigits(Math.floor((seconds % HOUR) / MINUTE));
  const time = `${hours}:${minutes}${exactness === 'to-seconds' ? `:${twoDigits(seconds % MINUTE)}` : ''}`;
  return days === 0 ? time : `${days} day${days === 1 ? '' : 's'}, ${time}`;
}

const twoDigits = (number: number): string => String(number).padStart(2, '0');
