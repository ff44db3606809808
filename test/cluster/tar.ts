/** One entry of an archive; paths are relative, without a leading slash. */
export type TarEntry =
  | { kind: 'file'; path: string; mode: number; data: Buffer }
  | { kind: 'directory'; path: string; mode: number }
  | { kind: 'link'; path: string; target: string };

const blockSize = 512;
const typeFlags = { file: '0', link: '2', directory: '5' } as const;

/**
 * An uncompressed tar archive whose bytes depend on the entries only: sorted by path, owned by root, dated 1970.
 * @throws RangeError for a file of 8 GiB or more
 */
export function createTar(entries: readonly TarEntry[]): Buffer {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const sorted = [...byPath.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.concat([...sorted.flatMap(encodeEntry), Buffer.alloc(2 * blockSize)]);
}

function encodeEntry(entry: TarEntry): Buffer[] {
  const data = entry.kind === 'file' ? entry.data : Buffer.alloc(0);
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const link = entry.kind === 'link' ? entry.target : '';
  const mode = entry.kind === 'link' ? 0o777 : entry.mode;
  const long = [...longRecord('path', path), ...longRecord('linkpath', link)].join('');
  const extension = Buffer.from(long);
  const main = [
    header({ path, link, mode, size: data.length, type: typeFlags[entry.kind] }),
    data,
    padding(data.length),
  ];
  if (extension.length === 0) return main;
  const extra = header({ path: 'pax', link: '', mode: 0o644, size: extension.length, type: 'x' });
  return [extra, extension, padding(extension.length), ...main];
}

/** The pax record of a value that does not fit into its 100 bytes. */
function longRecord(key: string, value: string): string[] {
  if (Buffer.byteLength(value) <= 100) return [];
  // The length counts its own digits.
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return [`${length} ${key}=${value}\n`];
}

function header(fields: { path: string; link: string; mode: number; size: number; type: string }): Buffer {
  const block = Buffer.alloc(blockSize);
  const octal = (value: number, digits: number) => {
    const text = value.toString(8).padStart(digits, '0');
    if (text.length > digits) throw new RangeError(`${fields.path} is too large for a tar archive`);
    return text;
  };
  block.write(fields.path, 0, 100);
  block.write(octal(fields.mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(fields.size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(' '.repeat(8), 148);
  block.write(fields.type, 156);
  block.write(fields.link, 157, 100);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}
