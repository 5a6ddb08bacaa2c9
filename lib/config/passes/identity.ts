import { valuePlace, type Finding, type Pass } from '../reading.ts';

/** Log files are named after the domain, and a file's name has at most 255 bytes. */
const LONGEST_NAME = 200;

/** The name: there is one, and it can be a file's name and a word of a command line. */
export const domainName: Pass = ({ keys: { name }, parsed }) => {
  const place = valuePlace(parsed, 'name');
  const refuse = (message: string, hint: string): Finding[] => [
    { severity: 'error', code: 'name-bad', message, ...place, hint },
  ];
  if (name === null) {
    // A name of the wrong type has been told of already, where it is an error.
    if (parsed.settings.name !== undefined && parsed.dialect === 'extended') return [];
    const message = 'Domain name must be specified.';
    return [{ severity: 'error', code: 'name-missing', message, ...place, hint: 'add name = "…"', xl: message }];
  }
  if (name === '') return refuse('the name of the domain is empty', 'name = "…"');
  if (/[\x00-\x1f\x7f/]/.test(name)) return refuse('the name has a `/` or a control character', 'log files bear it');
  if (new TextEncoder().encode(name).length > LONGEST_NAME) {
    return refuse(`the name is longer than ${LONGEST_NAME} bytes`, 'log files bear it');
  }
  if (!/^[0-9]+$/.test(name)) return [];
  const message = `the name ${name} will be taken for a domain's number`;
  return [{ severity: 'warning', code: 'name-number', message, ...place, hint: 'put a letter into it' }];
};

/** The uuid, in the one form that libxl reads. */
export const domainUuid: Pass = ({ keys: { uuid }, parsed }) => {
  if (uuid === null || /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) return [];
  const message = `Failed to parse UUID: ${uuid}`;
  const hint = 'it looks like 3fe4ab32-2b75-4b9e-8d45-3d9b2a0c8a11; without the key the domain gets a random one';
  return [{ severity: 'error', code: 'uuid-bad', message, ...valuePlace(parsed, 'uuid'), hint, xl: message }];
};
