/** `xl`: exactly what Xen 4.23's libxlutil takes. `extended`: that, and what helps people, each with a warning. */
export type Dialect = 'xl' | 'extended';
