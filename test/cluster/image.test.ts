import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildImage, buildImages } from './image.ts';
import { run } from './process.ts';
import { createTar } from './tar.ts';

describe('images of the test cluster', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'belay-image-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const options = (text: string, tag = '1') => {
    const file = join(dir, `program-${tag}`);
    writeFileSync(file, text);
    return { name: 'belay.test/x', tag, files: { '/opt/x/program': file }, entrypoint: ['/opt/x/program'] };
  };
  const build = (text: string) => buildImage(options(text));

  it('has the same digest when only times and group permissions differ', async () => {
    const first = await build('one');
    chmodSync(join(dir, 'program-1'), 0o600);
    utimesSync(join(dir, 'program-1'), 1, 1);
    const second = await build('one');
    assert.deepEqual(second, first);
  });

  it('has another digest when a file differs', async () => {
    const [first, second] = [await build('one'), await build('two')];
    assert.notEqual(second.digest, first.digest);
  });

  it('gives images that are built together the digests they have alone, and one archive', async () => {
    const [one, two] = [options('one', '1'), options('two', '2')];
    const alone = [await buildImage(one), await buildImage(two)];
    const together = await buildImages([one, two]);
    assert.deepEqual(
      together.map(({ digest }) => digest),
      alone.map(({ digest }) => digest),
    );
    const [archive = ''] = new Set(together.map((image) => image.archive));
    const { stdout } = await run(['tar', '--list', '--file', archive]);
    const blobs = stdout.split('\n').filter((name) => name.startsWith('blobs/') && !name.endsWith('/'));
    // Of each its manifest, its configuration and its layer.
    assert.equal(blobs.length, 6);
  });

  it('writes archives that tar reads, with names longer than a header holds', async () => {
    const long = `${'d'.repeat(120)}/${'f'.repeat(90)}`;
    const archive = join(dir, 'archive.tar');
    const directory = { kind: 'directory', path: 'd'.repeat(120), mode: 0o755 } as const;
    const link = { kind: 'link', path: 'link', target: long } as const;
    writeFileSync(
      archive,
      createTar([{ kind: 'file', path: long, mode: 0o644, data: Buffer.from('text') }, link, directory]),
    );
    const { stdout: listing } = await run(['tar', '--list', '--file', archive]);
    const { stdout: content } = await run(['tar', '--extract', '--to-stdout', '--file', archive, long]);
    assert.deepEqual({ listing, content }, { listing: `${'d'.repeat(120)}/\n${long}\nlink\n`, content: 'text' });
  });
});
