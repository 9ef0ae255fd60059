// Documents against the code: generated ones are what the code gives, and hand-written ones name only files, tests and
// places that are there. After a change of what is generated: npx vitest run test/unit/docs.test.ts -u
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apiDocument } from '#test/support/docs/api-document.ts';
import { policyDocument } from '#test/support/docs/policy-document.ts';
import { protocolDocument } from '#test/support/docs/protocol-document.ts';
import { statesDocument } from '#test/support/docs/states-document.ts';

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)));

describe('generated documents', () => {
  it('tell the states and operations of the code', async () => {
    await expect(statesDocument()).toMatchFileSnapshot(join(root, 'docs/states.md'));
  });

  it('tell the commands and events of the code', async () => {
    await expect(protocolDocument(read)).toMatchFileSnapshot(join(root, 'docs/protocol.md'));
  });

  it('tell the compute calls of the code', async () => {
    await expect(apiDocument()).toMatchFileSnapshot(join(root, 'docs/api-coverage.md'));
  });

  it('tell the policy of the code, and what each rule is about', async () => {
    await expect(policyDocument()).toMatchFileSnapshot(join(root, 'docs/policy.md'));
  });
});

describe('every document', () => {
  it('names only files and folders that are there', () => {
    const wrong = documents.flatMap((document) =>
      pathsIn(read(document))
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${document}: ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  it('links only to files and headings that are there', () => {
    const wrong = documents.flatMap((document) =>
      linksIn(read(document))
        .filter((link) => !isThere(document, link))
        .map((link) => `${document}: ${link}`),
    );
    expect(wrong).toEqual([]);
  });

  it('cites tests by names that they have', () => {
    const wrong = documents.flatMap((document) =>
      [...read(document).matchAll(/`(test\/[\w./-]+)` "([^"]+)"/g)]
        .filter(([, path = '', name = '']) => !testsIn(path).includes(name))
        .map(([citation]) => `${document}: ${citation}`),
    );
    expect(wrong).toEqual([]);
  });

  it.each([
    ['README.md', 150],
    ['ARCHITECTURE.md', 400],
    ['CONTRIBUTING.md', 150],
    ['AGENTS.md', 60],
    ['docs/glossary.md', 150],
    ['docs/runtime.md', 300],
    ['docs/failure-model.md', 200],
    ['docs/hypervisor.md', 200],
    ['docs/operating.md', 250],
  ])('%s has at most %i lines', (path, most) => {
    expect(read(path).trimEnd().split('\n').length).toBeLessThanOrEqual(most);
  });

  it('of a decision is numbered, has its parts, and at most 80 lines', () => {
    const records = documents.filter((path) => path.startsWith('docs/adr/'));
    const parts = ['Context', 'Requirements', 'Decision', 'Alternatives', 'Consequences', 'Tests'];
    const wrong = records.filter((path) => {
      const headings = [...read(path).matchAll(/^## (.+)$/gm)].map((match) => match[1]);
      const isNumbered = /^docs\/adr\/\d{4}-[a-z0-9-]+\.md$/.test(path);
      return (
        !isNumbered ||
        JSON.stringify(headings) !== JSON.stringify(parts) ||
        read(path).trimEnd().split('\n').length > 80
      );
    });
    expect(records.length).toBeGreaterThan(0);
    expect(wrong).toEqual([]);
  });
});

/** The text of a test file, or of all files of a folder of tests. */
function testsIn(path: string): string {
  if (!path.endsWith('/')) return read(path);
  return readdirSync(join(root, path))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join(path, name)))
    .join('\n');
}

/** Paths of this repository in code spans; those with placeholders are patterns, and are left out. */
function pathsIn(text: string): readonly string[] {
  const prose = text.replaceAll(/^```[\s\S]*?^```/gm, '');
  return [...prose.matchAll(/`((?:src|test|docs|\.ci)\/[\w./-]*)`/g)].map(
    (match) => match[1] ?? '',
  );
}

function linksIn(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^https?:/.test(link));
}

function isThere(document: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? document : normalize(join(dirname(document), path));
  if (!existsSync(join(root, target))) return false;
  return heading === undefined || anchorsOf(read(target)).includes(heading);
}

/** As GitHub makes them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
