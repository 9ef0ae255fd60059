// Holds the shape of the code: who may import whom, sizes, names, and where time and chance may be touched.
// The rules are those of ARCHITECTURE.md and docs/style.md. An exception is a line here, with its reason.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '');
const sources = tracked.filter((path) => /^src\/.*\.ts$/.test(path));
const tests = tracked.filter((path) => /^test\/.*\.ts$/.test(path));
const code = new Map(
  [...sources, ...tests].map((path) => [path, readFileSync(join(root, path), 'utf8')]),
);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

/** Every import of one of our files by another, with its path from the top. */
const imports = sources.flatMap((from): Import[] => {
  const text = code.get(from) ?? '';
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'"]*?from\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g,
  );
  return [...found].flatMap((match) => {
    const target = match[2] ?? match[3] ?? '';
    const to = target.startsWith('.')
      ? normalize(join(dirname(from), target))
      : target.startsWith('#')
        ? aliasOf(target)
        : undefined;
    return to === undefined ? [] : [{ from, to, isType: match[1] !== undefined }];
  });
});

function aliasOf(target: string): string {
  return target === '#main' ? 'src/main.ts' : `src/${target.slice(1)}`;
}

const layer = (path: string): string => {
  const [, first = '', second = ''] = path.split('/');
  if (path.split('/').length === 2) return 'wiring';
  return first === 'actors' && ['domain', 'node'].includes(second) ? `actors/${second}` : first;
};

/** What each part may import besides itself. `wiring` is src/*.ts: main.ts and what it puts together. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  runtime: [],
  hypervisor: [],
  'actors/domain': [],
  actors: ['actors/domain', 'actors/node', 'runtime'],
  'actors/node': ['actors/domain', 'actors', 'runtime', 'hypervisor'],
  api: ['actors', 'actors/domain', 'actors/node', 'runtime'],
  config: ['runtime'],
  wiring: ['runtime', 'hypervisor', 'actors', 'actors/domain', 'actors/node', 'api', 'config'],
  cli: ['wiring', 'config', 'runtime', 'hypervisor'],
};

describe('imports', () => {
  it('go in the direction main → api → actors → runtime', () => {
    const wrong = imports.filter(
      ({ from, to }) => layer(from) !== layer(to) && !allowed[layer(from)]?.includes(layer(to)),
    );
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });

  it('reach the hypervisor from nodes through its ports alone', () => {
    const ports = ['port.ts', 'migration-port.ts', 'storage-port.ts', 'network-port.ts'].map(
      (name) => `src/hypervisor/${name}`,
    );
    const wrong = imports.filter(
      ({ from, to }) =>
        from.startsWith('src/actors/node/') &&
        to.startsWith('src/hypervisor/') &&
        !ports.includes(to),
    );
    expect(wrong).toEqual([]);
  });

  it('keep pure files pure', () => {
    const pure =
      /^(decide|evolve|todo|state|core|tracker|reconcile|guest-spec|views?)\.ts$|-core\.ts$|^src\/actors\/(domain|instance\/operations|scheduler\/(filters|weighers))\//;
    const isPure = (path: string): boolean =>
      path.startsWith('src/actors/') && (pure.test(basename(path)) || pure.test(path));
    const shapes = [
      'src/runtime/entity/definition.ts',
      'src/runtime/message/refusal.ts',
      'src/runtime/message/protocol.ts',
      'src/runtime/assert.ts',
    ];
    const wrong = imports.filter(
      ({ from, to, isType }) =>
        isPure(from) && to.startsWith('src/runtime/') && !isType && !shapes.includes(to),
    );
    expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
    const impure = sources.filter(
      (path) =>
        isPure(path) && /\basync\b|\bawait\b|\blog\./.test(stripComments(code.get(path) ?? '')),
    );
    expect(impure).toEqual([]);
  });

  it.each([
    ['nact', /^src\/runtime\/system\//],
    ['libp2p', /^src\/runtime\/transport\/libp2p\//],
    ['@libp2p', /^src\/runtime\/transport\/libp2p\//],
    ['@chainsafe', /^src\/runtime\/transport\/libp2p\//],
    ['@multiformats', /^src\/runtime\/transport\/libp2p\//],
    ['msgpackr', /^src\/runtime\/transport\//],
    ['ioredis', /^src\/runtime\/(redis|journal\/redis|membership\/redis|transport\/redis)\//],
    ['fastify', /^src\/(api\/|main\.ts)/],
    ['node:sqlite', /^src\/runtime\/journal\/sqlite\//],
  ])('of %s stand in its own place only', (library, place) => {
    const importing = sources.filter((path) =>
      new RegExp(`from ['"]${library}(/[^'"]*)?['"]`).test(code.get(path) ?? ''),
    );
    expect(importing.filter((path) => !place.test(path))).toEqual([]);
  });

  it('have no cycles', () => {
    const graph = new Map<string, string[]>();
    for (const { from, to, isType } of imports)
      if (!isType) graph.set(from, [...(graph.get(from) ?? []), to]);
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path))
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });
});

function stripComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '$1');
}

describe('sizes', () => {
  /** Tables, schemas and goldens may be long. */
  const isTable = (path: string): boolean =>
    /(schemas?|table|protocol|structures|procedures|golden|words)[^/]*\.ts$|\/(schemas|errors)\//.test(
      path,
    );

  it('files have at most 500 lines', () => {
    const long = sources.filter((path) => !isTable(path) && lines(path) > 500);
    expect(long.map((path) => `${path}: ${lines(path)}`)).toEqual([]);
  });

  it('functions have at most 70 lines', () => {
    const long = sources
      .filter((path) => !isTable(path))
      .flatMap((path) => longFunctions(path, 70));
    expect(long).toEqual([]);
  });

  it('folders have at most 30 files', () => {
    const counts = Map.groupBy(sources, (path) => dirname(path));
    expect(
      [...counts]
        .filter(([, files]) => files.length > 30)
        .map(([folder, files]) => `${folder}: ${files.length}`),
    ).toEqual([]);
  });
});

function lines(path: string): number {
  return (code.get(path) ?? '').trimEnd().split('\n').length;
}

/** By indentation, which the formatter keeps: from a line that opens a function to the line that closes it. */
function longFunctions(path: string, limit: number): readonly string[] {
  const all = (code.get(path) ?? '').split('\n');
  return all.flatMap((line, start) => {
    const opens =
      /^(\s*)(?:export )?(?:async )?(?:function\*? \w+|(?:static |readonly |async |override |get |set )*#?\w+\(.*\)(?:: .+)? \{$)/.exec(
        line,
      );
    if (opens === null || /^\s*(if|for|while|switch|catch|return)\b/.test(line)) return [];
    const end = all.findIndex(
      (other, index) =>
        index > start && other.startsWith(`${opens[1]}}`) && !other.startsWith(`${opens[1]}})`),
    );
    return end - start + 1 > limit ? [`${path}:${start + 1}: ${end - start + 1} lines`] : [];
  });
}

describe('names and words', () => {
  it('files are kebab-case and none is a barrel or a drawer', () => {
    const wrong = sources.filter((path) => {
      const name = basename(path, '.ts');
      return (
        !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) ||
        /^(index|utils?|helpers?|manager|common|misc)$/.test(name)
      );
    });
    expect(wrong).toEqual([]);
  });

  it('every source file says at its head what it is for', () => {
    expect(sources.filter((path) => !/^(#!.*\n)?\/\/ \S/.test(code.get(path) ?? ''))).toEqual([]);
  });

  it('time, timers and chance come through Env', () => {
    const forbidden =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\brandomUUID\(|\bperformance\.now\(|(?<![.\w])(setTimeout|setInterval|setImmediate)\(/;
    const free = /^src\/(runtime\/env|cli)\//;
    expect(
      sources.filter(
        (path) => !free.test(path) && forbidden.test(stripComments(code.get(path) ?? '')),
      ),
    ).toEqual([]);
  });

  it('nothing is left for later without saying so, and nothing is swallowed', () => {
    const left = [...code].filter(
      ([path, text]) =>
        path !== 'test/tidy.test.ts' &&
        (/(\/\/|\*).*\b(TODO|FIXME|XXX|HACK)\b/.test(text) ||
          /catch(?: \(\w+\))? \{\s*\}/.test(text) ||
          /\b(it|test|describe)\.(skip|only|todo)\b/.test(text)),
    );
    expect(left.map(([path]) => path)).toEqual([]);
  });

  it('no document or file names a path or a registry of one machine', () => {
    const texts = tracked.filter(
      (path) =>
        /\.(ts|md|json|sh|yaml|yml)$|^kilonova$|^\.ci\/run$/.test(path) &&
        path !== 'test/tidy.test.ts',
    );
    const wrong = texts.filter((path) =>
      /\/(work|farm)\/|"resolved": "http/.test(readFileSync(join(root, path), 'utf8')),
    );
    expect(wrong).toEqual([]);
  });

  it('every Markdown file has one title', () => {
    const wrong = tracked
      .filter((path) => path.endsWith('.md'))
      .filter((path) => {
        const text = readFileSync(join(root, path), 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
        return (text.match(/^# /gm) ?? []).length !== 1;
      });
    expect(wrong).toEqual([]);
  });
});
