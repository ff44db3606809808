/** The reason with which a run of probes is stopped for good: nobody will take it up again. */
export class ProbeNotWanted extends Error {
  override readonly name = 'ProbeNotWanted';
}
