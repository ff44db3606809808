import { parseArgs } from 'node:util';

export interface DemoOptions {
  readonly down: boolean;
  readonly json: boolean;
  readonly haproxy: boolean;
  readonly help: boolean;
  /** Requests per second. */
  readonly rate: number;
  /** Folder to write the images into, instead of a demo. */
  readonly images: string | undefined;
}

export const usage = `Usage: npm run demo [-- OPTIONS]

A good upgrade and a bad one of deploy/examples/rolling, on a real cluster, under load.

  --haproxy      HAProxy before the portal instead of a Service
  --rate N       requests per second, 1 to 1000; default 200
  --json         the last line is one JSON object
  --down         take everything away that a demo made
  --images DIR   only write the images as OCI archives into DIR, for a cluster of your own
  -h, --help     print this

Uses the cluster that KUBECONFIG names, and starts one of its own when there is none.
Exit status: 0 every promise held, 1 one was broken or the demo could not be run, 2 the command is wrong.
`;

/** @throws RangeError in words for whoever typed it */
export function parseDemoArgs(argv: readonly string[]): DemoOptions {
  const { values } = parse(argv);
  const rate = Number(values.rate);
  if (!Number.isInteger(rate) || rate < 1 || rate > 1000)
    throw new RangeError(`--rate wants a whole number from 1 to 1000, not "${values.rate}"`);
  if (values.images === '') throw new RangeError('--images wants a folder');
  return { ...values, rate, images: values.images };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        down: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        haproxy: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        rate: { type: 'string', default: '200' },
        images: { type: 'string' },
      },
    });
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new RangeError(`${words}; see npm run demo -- --help`, { cause: error });
  }
}
