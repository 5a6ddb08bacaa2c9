import type { Diagnostic } from '../base/error.ts';
import type { DomainConfig } from '../config/domain.ts';

/** A value and what there is to say about it. */
export interface Found<T> {
  readonly value: T;
  readonly diagnostics: readonly Diagnostic[];
}

/** The place of a key, for a diagnostic; nothing where the key was not said. */
export function place(config: DomainConfig, key: string): Pick<Diagnostic, 'where'> {
  const where = config.places[key];
  return where === undefined ? {} : { where };
}
