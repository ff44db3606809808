/** Components of a server, such as its JDK: their names, and their versions by name. Source: 001-34. */
import type * as z from 'zod';
import * as c from './common.ts';

/** Of one server. */
export const maxComponents = 32;
/** Of a version, in characters. */
export const maxVersionLength = 64;

const pattern = '^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$';

export function isComponentName(name: string): boolean {
  return new RegExp(pattern).test(name);
}

/** The name of a component, as Package.spec.components calls it. */
export function componentName(description: string): z.ZodString {
  return c.nonEmpty(description, 63).regex(new RegExp(pattern));
}

/** Versions by the name of the component. */
export function componentVersions(description: string): z.ZodRecord<z.ZodString, z.ZodString> {
  return c.map(description, c.nonEmpty('A version.', maxVersionLength), { maxProperties: maxComponents });
}
