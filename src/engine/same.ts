/**
 * Are both the same JSON? A field that is undefined and one that is not there are the same, the order of fields does
 * not matter, that of lists does. Parts that are one and the same object cost nothing: of two statuses in a row nearly
 * all are, which is why this is asked and not the texts compared.
 */
export function isSameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => isSameJson(item, b[index]));
  for (const key in a) if (!isSameJson(a[key], b[key])) return false;
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false;
  return true;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
