import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { buildImage } from './image.ts';
import { run } from './process.ts';
import { createTar } from './tar.ts';

describe('images of the test cluster', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'belay-image-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const build = (text: string) => {
    const file = join(dir, 'program');
    writeFileSync(file, text);
    return buildImage({
      name: 'belay.test/x',
      tag: '1',
      files: { '/opt/x/program': file },
      entrypoint: ['/opt/x/program'],
    });
  };

  it('has the same digest when only times and group permissions differ', async () => {
    const first = await build('one');
    chmodSync(join(dir, 'program'), 0o600);
    utimesSync(join(dir, 'program'), 1, 1);
    const second = await build('one');
    assert.deepEqual(second, first);
  });

  it('has another digest when a file differs', async () => {
    const [first, second] = [await build('one'), await build('two')];
    assert.notEqual(second.digest, first.digest);
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
