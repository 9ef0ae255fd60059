// docs/states.md: what users see of a server's states, and each lifecycle operation, from the tables that the code runs.
import {
  powerStates,
  statusOf,
  type TaskState,
  taskStates,
  type VmState,
  vmStates,
} from '#actors/domain/states.ts';
import { evolve } from '#actors/instance/evolve.ts';
import { nextUndo, operations } from '#actors/instance/operations/all.ts';
import type { OperationTable } from '#actors/instance/operations/table.ts';
import { initialInstance } from '#actors/instance/state.ts';
import { code, row, table } from './markdown.ts';
import { operationDiagram } from './operation-diagram.ts';

const tables = Object.values(operations);

export function statesDocument(): string {
  return [
    head,
    statusSection(),
    reachedSection(),
    powerSection(),
    allowedSection(),
    ...tables.map(operationSection),
  ].join('\n');
}

const head = `# States and operations

Generated from \`src/actors/domain/states.ts\` and \`src/actors/instance/operations/\` by
\`test/support/docs/states-document.ts\`; after a change run \`npx vitest run test/unit/docs.test.ts -u\`.
Words: [glossary.md](glossary.md). How an operation is run: [flows/create-server.md](flows/create-server.md).
`;

function statusSection(): string {
  const rows = vmStates.flatMap((vmState) => {
    const usual = statusOf(vmState, undefined);
    const others = Map.groupBy(
      taskStates.filter((task) => statusOf(vmState, task) !== usual),
      (task) => statusOf(vmState, task),
    );
    return [
      row(code(vmState), 'none, or any other', usual),
      ...[...others].map(([status, tasks]) =>
        row(code(vmState), tasks.map((task) => code(task)).join(', '), status),
      ),
    ];
  });
  return `## Status

What the API shows as \`status\`, by vm_state and task_state, as Nova maps them.

${table(['vm_state', 'task_state', 'status'], rows)}`;
}

function reachedSection(): string {
  const tasks = new Set(tables.flatMap(({ steps }) => steps.map((step) => step.taskState)));
  const rests = new Set<VmState>([
    'building',
    'error',
    ...tables.map(({ success }) => success.vmState),
  ]);
  const list = (all: readonly string[], some: ReadonlySet<string>): string =>
    all
      .filter((state) => some.has(state))
      .map((state) => code(state))
      .join(', ');
  return `## What servers can be in now

The tables below lead to these; all other values of Nova are known words without an operation that leads to them yet.

- vm_state: ${list(vmStates, rests)}
- task_state: none, ${list(taskStates, tasks)}
`;
}

/** Asked of evolve itself. */
function powerSection(): string {
  const powers = Object.keys(powerStates) as (keyof typeof powerStates)[];
  const seen = (vmState: VmState, power: (typeof powers)[number]): string => {
    const state = { ...initialInstance('x'), existence: 'exists' as const, vmState };
    const after = evolve(state, { type: 'instance.power-changed', power, reason: '', atMs: 0 });
    return after.vmState === vmState ? '' : code(after.vmState);
  };
  const rows = vmStates
    .filter((vmState) => powers.some((power) => seen(vmState, power) !== ''))
    .map((vmState) => row(code(vmState), ...powers.map((power) => seen(vmState, power))));
  return `## What the hypervisor says of a resting server

While an operation runs, only its own reports count. At rest, a host's word changes power_state, and vm_state as follows (empty: no
change; vm_states that are not listed never change by it). In brackets: the number that the API shows.

${table(['vm_state', ...powers.map((power) => `${power} (${powerStates[power]})`)], rows)}`;
}

function allowedSection(): string {
  const starts = tables.filter(({ name }) => name !== 'create');
  const columns = vmStates.filter((vmState) =>
    starts.some(({ vmStates: from }) => from !== 'any' && from.includes(vmState)),
  );
  const rows = starts.map(({ name, vmStates: from, interrupts }) =>
    row(
      code(name),
      ...columns.map((vmState) => (from === 'any' || from.includes(vmState) ? 'yes' : '')),
      from === 'any' ? 'yes' : '',
      taskWords(interrupts),
    ),
  );
  return `## What may be asked when

Everything else is refused with 409. Besides the states: a locked server obeys administrators only, and all but delete need a
server that has been placed on a host.

${table(['operation', ...columns, 'any other', 'task_state besides none'], rows)}`;
}

function keptWords({ success }: OperationTable): string {
  const kept = success.keeps ?? [];
  return kept.length === 0 ? '' : `, or as it was in ${kept.map((one) => code(one)).join(', ')}`;
}

function taskWords(tasks: readonly TaskState[] | 'any'): string {
  return tasks === 'any' ? 'any' : tasks.map((task) => code(task)).join(', ');
}

function operationSection(operation: OperationTable): string {
  const { name, action, actionEvent, steps, success, failure, attempts } = operation;
  const rows = steps.map((step) =>
    row(
      step.name,
      code(step.effect),
      code(step.taskState),
      `${step.deadlineMs / 1000} s`,
      step.undo === undefined ? '' : code(step.undo),
      step.retryFrom === undefined ? '' : `from ${step.retryFrom}, ${attempts} tries in all`,
    ),
  );
  const ends = failure === 'error' ? '`error` with the fault' : 'the vm_state before';
  const undoes = steps.some((_step, index) => nextUndo(name, index) !== undefined);
  return `## ${name}

In the server's actions: \`${action}\`, event \`${actionEvent}\`. Ends in \`${success.vmState}\` (power ${success.power})${keptWords(operation)}; on failure in ${ends}${undoes ? ', after the undo steps' : ''}.

${table(['step', 'effect', 'task_state', 'deadline', 'undo', 'on a retryable failure'], rows)}
${operationDiagram(operation)}`;
}
