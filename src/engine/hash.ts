import { createHash } from 'node:crypto';

/** "sha256:" and 64 hex digits: what names a plan. */
export function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}
