import type { Diagnostic, Where } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import type { Found } from './found.ts';

/** A failed creation ends `xl create` with this status, whatever the reason (ERROR_FAIL; `main_create` returns -rc). */
export const CREATE_FAILED = 3;

/** The number of the domain that `backend=` means: ours where it is not said, digits as they are, else by name. */
export function backendDomain(name: string | null, facts: Pick<HostFacts, 'domains'>, where: Where): Found<number> {
  if (name === null) return { value: 0, diagnostics: [] };
  // libxl takes digits as they are, whether or not there is such a domain.
  if (/^\d+$/.test(name)) return { value: Number(name), diagnostics: [] };
  const domain = facts.domains.find((candidate) => candidate.name === name);
  if (domain !== undefined) return { value: domain.domid, diagnostics: [] };
  const unknown: Diagnostic = {
    severity: 'error',
    code: 'backend-domain-unknown',
    message: `there is no domain "${name}" that could be a backend`,
    where,
    hint: 'start the driver domain first, or give its number',
  };
  return { value: 0, diagnostics: [unknown] };
}
