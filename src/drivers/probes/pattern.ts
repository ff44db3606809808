/**
 * Regular expressions of users. RE2 promises linear time, the engine here does not: each search has a time limit,
 * and what RE2 does not know is refused.
 */
import { createContext, Script } from 'node:vm';

const limitMs = 100;
const search = new Script(
  '(() => { const found = new RegExp(source, flags).exec(text); return found === null ? "" : JSON.stringify([...found]); })()',
);

/**
 * The groups of the first match, index 0 the whole of it; undefined when there is none.
 * @throws Error not an expression, or the search takes too long
 */
export function matchPattern(pattern: string, text: string): readonly (string | undefined)[] | undefined {
  const context = createContext({ ...translate(pattern), text }, { codeGeneration: { strings: false, wasm: false } });
  let found: unknown;
  try {
    found = search.runInContext(context, { timeout: limitMs });
  } catch (error) {
    // Errors of the other context are not instances of this one's classes.
    const isTime =
      typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    const why = isTime ? `takes longer than ${limitMs} ms` : String(error);
    throw new SyntaxError(`/${pattern}/: ${why}`, { cause: error });
  }
  if (typeof found !== 'string' || found === '') return undefined;
  const groups: unknown = JSON.parse(found);
  return Array.isArray(groups) ? groups.map((group) => (typeof group === 'string' ? group : undefined)) : undefined;
}

/** What is wrong with the expression; empty when it can be used. */
export function patternProblem(pattern: string): string {
  try {
    matchPattern(pattern, '');
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function translate(pattern: string): { source: string; flags: string } {
  const bare = pattern.replaceAll(/\\[^\d]|\[(?:\\.|[^\]\\])*\]/g, '');
  if (/\(\?<?[=!]/.test(bare)) throw new SyntaxError(`/${pattern}/: RE2 has no look-around`);
  if (/\\[1-9]/.test(bare)) throw new SyntaxError(`/${pattern}/: RE2 has no back-references`);
  // "(?i)…", "(?P<name>…)", "\A" and "\z" of RE2 have another spelling here.
  const leading = /^\(\?([ims]+)\)/.exec(pattern);
  const source = pattern
    .slice(leading?.[0].length ?? 0)
    .replaceAll('(?P<', '(?<')
    .replace(/^\\A/, '^')
    .replace(/\\z$/, '$');
  return { source, flags: [...new Set(leading?.[1] ?? '')].join('') };
}
