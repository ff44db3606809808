/** The line to people is tried out by a message: 001-42. */
import type { RunContext } from '../contract.ts';
import { absent, failed, passed, type Answer, type CheckOf } from './answer.ts';
import type { CheckParts } from './parts.ts';

/** Answers that were not asked for yet; a later process sends the message again, with the same id. */
const mostRemembered = 256;

export function observeLine({ lines }: CheckParts, { id }: CheckOf<'Channel'>): Answer {
  return lines.get(id) ?? absent;
}

/** Sends once for each id. */
export async function testLine(
  { send, lines }: CheckParts,
  context: RunContext,
  { id, secret, text }: CheckOf<'Channel'>,
  signal: AbortSignal,
): Promise<void> {
  if (lines.has(id)) return;
  const delivery = await send(context, secret, { id, type: 'test', text, data: {} }, signal);
  if (lines.size >= mostRemembered) lines.clear();
  lines.set(
    id,
    delivery.kind === 'delivered'
      ? passed(`a test message got through over Secret ${secret}`)
      : failed(`no test message gets through: ${delivery.why}`, delivery.remedy),
  );
}
