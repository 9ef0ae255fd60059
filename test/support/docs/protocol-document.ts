// docs/protocol.md: every kind of entity with its commands and events, from the definitions, with the words that stand
// above each in its protocol file.
import type { TSchema } from 'typebox';
import { type DocumentedEntity, entities, namedShapes } from './entities.ts';
import { ShapeTexts } from './shape-text.ts';

const shapes = new ShapeTexts(namedShapes);

/** `readSource` gives a file's text by its path from the top of the repository. */
export function protocolDocument(readSource: (path: string) => string): string {
  return [
    head,
    ...entities.map((entity) => kindSection(entity, wordsIn(readSource(entity.protocolFile)))),
    shapeSection(),
  ].join('\n');
}

const head = `# Protocol

Generated from the definitions by \`test/support/docs/protocol-document.ts\`; after a change run
\`npx vitest run test/unit/docs.test.ts -u\`. The rules are in [runtime.md](runtime.md), "Messages and versions".

A command is asked of an entity by \`Router.ask\` and answered once: with its reply after the events are durable, or with a
refusal (a code and figures; HTTP meanings: \`src/api/errors/\`), or it fails with a \`RuntimeFault\`. Commands may arrive more than once.
An event is stored in the entity's stream of the journal under type and version. Each line reads
\`type version: fields → reply\`. \`?\` marks what may be left out. Times (\`…Ms\`) are milliseconds since 1970.

Orders to compute nodes (\`NodeOrder\` in \`src/actors/node/protocol.ts\`) stay within the process so far and have no versions yet.
`;

function kindSection(
  { definition, protocolFile, stands }: DocumentedEntity,
  words: ReadonlyMap<string, string>,
): string {
  const { kind, commands, events, schema } = definition;
  const commandLines = Object.entries(commands).map(([type, { version, body, reply }]) =>
    message(words.get(type), `${type} ${version}`, `${shapes.text(body)} → ${replyText(reply)}`),
  );
  const eventLines = Object.entries(events).map(([type, { version, data }]) =>
    message(words.get(type), `${type} ${version}`, shapes.text(data)),
  );
  return `## ${kind}

Stands for ${stands}. Protocol: \`${protocolFile}\`; shape of its state in snapshots: ${schema}.

Commands:

\`\`\`text
${commandLines.join('')}\`\`\`

Events:

\`\`\`text
${eventLines.join('')}\`\`\`
`;
}

function message(words: string | undefined, name: string, shape: string): string {
  return `${words === undefined ? '' : `# ${words}\n`}${name}: ${shape}\n`;
}

function replyText(reply: TSchema): string {
  const text = shapes.text(reply);
  return text === '{}' ? 'done' : text;
}

function shapeSection(): string {
  const lines = Object.entries(namedShapes).map(
    ([name, schema]) => `${name}: ${shapes.text(schema, { unnamed: true })}\n`,
  );
  return `## Shapes

\`\`\`text
${lines.join('')}\`\`\`
`;
}

/** Type → the comment above it. */
function wordsIn(source: string): ReadonlyMap<string, string> {
  const found = source.matchAll(
    /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*'([a-z-]+\.[a-z-]+)': (?:command|event)\(/g,
  );
  return new Map(
    [...found].map(([, comment = '', type = '']) => [
      type,
      comment
        .replaceAll(/\s*\n\s*\*?\s*/g, ' ')
        .replaceAll(/ \(DESIGN [^)]*\)/g, '')
        .trim(),
    ]),
  );
}
