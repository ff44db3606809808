/** Variables in texts: `${NAME}` is replaced by its value, `$${NAME}` stands for the text `${NAME}`. */

const reference = /(\$?)\$\{([A-Z][A-Z0-9_]*)\}/g;

/** Names used in any of the texts, sorted, each once. */
export function variableNames(...texts: readonly string[]): string[] {
  const names = new Set<string>();
  for (const text of texts) {
    for (const [, escape, name] of text.matchAll(reference)) {
      if (escape === '' && name !== undefined) names.add(name);
    }
  }
  return [...names].toSorted();
}

export interface Expansion {
  /** The text with every known variable replaced; unset ones stand as they were. */
  readonly text: string;
  /** Names without a value, sorted. A plan with any of them is refused. */
  readonly unset: readonly string[];
}

/** Values are put in as they are: what looks like a variable inside a value is not expanded again. */
export function expand(text: string, values: Readonly<Record<string, string>>): Expansion {
  const unset = new Set<string>();
  const expanded = text.replaceAll(reference, (whole: string, escape: string, name: string) => {
    if (escape !== '') return `\${${name}}`;
    if (Object.hasOwn(values, name)) return values[name] ?? '';
    unset.add(name);
    return whole;
  });
  return { text: expanded, unset: [...unset].toSorted() };
}
