import { compile } from 'json-p3';
import type { JSONValue } from 'json-p3';

/** What an RFC 9535 path selects: the values, and for numbers the text they were written as. */
export interface Selected {
  readonly value: unknown;
  /** Numbers as written ("1.0"), strings as they are, everything else as JSON. */
  readonly text: string;
}

/** A document that remembers how its numbers were written. */
export interface JsonDocument {
  readonly value: JSONValue;
  readonly written: unknown;
}

/** @throws SyntaxError the text is not JSON */
export function parseJson(text: string): JsonDocument {
  return { value: JSON.parse(text) as JSONValue, written: JSON.parse(text, writtenNumbers) };
}

class WrittenNumber {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

function writtenNumbers(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? new WrittenNumber(context?.source ?? String(value)) : value;
}

/** @throws JSONPathError the path is not one */
export function selectJson(document: JsonDocument, path: string): Selected[] {
  const nodes = compile(path).query(document.value);
  return [...nodes].map((node) => ({
    value: node.value,
    text: textOf(node.value, follow(document.written, node.location)),
  }));
}

/** What is wrong with the path; empty when it is one. */
export function jsonPathProblem(path: string): string {
  try {
    compile(path);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function follow(root: unknown, location: readonly (string | number)[]): unknown {
  let node = root;
  for (const key of location) {
    if (typeof node !== 'object' || node === null) return undefined;
    node = new Map(Object.entries(node)).get(String(key));
  }
  return node;
}

function textOf(value: unknown, written: unknown): string {
  if (written instanceof WrittenNumber) return written.source;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
