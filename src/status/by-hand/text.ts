/** Small readings and quotings for commands that a person is to run. Pure. */

/** One word of a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** An object, or the object that a JSON text holds; undefined for anything else. */
export function parseObject(value: unknown): Record<string, unknown> | undefined {
  if (typeof value === 'string') {
    try {
      return parseObject(JSON.parse(value) as unknown);
    } catch {
      return undefined;
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

export function textIn(object: Readonly<Record<string, unknown>>, key: string): string {
  const value = object[key];
  return typeof value === 'string' ? value : '';
}

/** Text of many lines for a comment. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' / ');
}
