/** One message to people about a run, as data: computed without a call, sent by a driver. */
export interface Message {
  /** The same for every delivery of this message, so that whoever gets it twice can tell. */
  readonly id: string;
  readonly type: 'start' | 'step' | 'issue' | 'end' | 'test';
  /** What happened when; RFC 3339, where it is known. */
  readonly time?: string | undefined;
  /** For people: a few lines without markup. */
  readonly text: string;
  /** For programs: docs/notifications.md. */
  readonly data: Readonly<Record<string, unknown>>;
}
