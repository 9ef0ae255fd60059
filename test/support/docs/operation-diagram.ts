// A mermaid state diagram of one operation, from its table. Pure.
import { nextUndo } from '#actors/instance/operations/all.ts';
import type { OperationTable } from '#actors/instance/operations/table.ts';

export function operationDiagram(operation: OperationTable): string {
  const lines = [...stateLines(operation), ...edgeLines(operation)].map((line) => `  ${line}\n`);
  return `\`\`\`mermaid\nstateDiagram-v2\n${lines.join('')}\`\`\`\n`;
}

function stateLines({ steps, failure, success, vmStates }: OperationTable): readonly string[] {
  const before = vmStates === 'any' ? ['any vm_state'] : vmStates;
  return [
    ...before.map((vmState) => `state "${vmState}" as ${vmId(vmState)}`),
    ...steps.flatMap(({ name, taskState, undo }, index) => [
      `state "${taskState}: ${name}" as step${index}`,
      ...(undo === undefined ? [] : [`state "${taskState}: undo ${name}" as undo${index}`]),
    ]),
    ...(before.includes(success.vmState)
      ? []
      : [`state "${success.vmState}" as ${vmId(success.vmState)}`]),
    ...(failure === 'error' && !before.includes('error') ? ['state "error" as vm_error'] : []),
    ...(failure === 'restore' && before.length !== 1 ? ['state "as before" as vm_before'] : []),
  ];
}

function edgeLines(operation: OperationTable): readonly string[] {
  const { name, steps, success, vmStates } = operation;
  const before = vmStates === 'any' ? ['any vm_state'] : vmStates;
  const starts =
    before.length === 0 ? ['[*] --> step0'] : before.map((from) => `${vmId(from)} --> step0`);
  const done = steps.map((_step, index) =>
    index + 1 === steps.length
      ? `step${index} --> ${vmId(success.vmState)}: done${keptWords(operation)}`
      : `step${index} --> step${index + 1}: done`,
  );
  const failed = steps.map((_step, index) => {
    const undo = nextUndo(name, index);
    return `step${index} --> ${undo === undefined ? failureId(operation) : `undo${undo}`}: failed`;
  });
  return [...starts, ...done, ...failed, ...undoLines(operation)];
}

function keptWords({ success }: OperationTable): string {
  return success.keeps === undefined ? '' : `, or as it was in ${success.keeps.join(', ')}`;
}

function undoLines(operation: OperationTable): readonly string[] {
  const { name, steps, attempts } = operation;
  return steps.flatMap((step, index) => {
    if (step.undo === undefined) return [];
    const next = nextUndo(name, index - 1);
    const retrying = steps.filter(({ retryFrom }) => retryFrom === step.name);
    return [
      `undo${index} --> ${next === undefined ? failureId(operation) : `undo${next}`}`,
      ...retrying.map(
        ({ name: failed }) =>
          `undo${index} --> step${index}: retryable failure of ${failed}, ${attempts} tries in all`,
      ),
    ];
  });
}

function failureId({ failure, vmStates }: OperationTable): string {
  if (failure === 'error') return 'vm_error';
  const [only] = vmStates;
  return vmStates !== 'any' && vmStates.length === 1 && only !== undefined
    ? vmId(only)
    : 'vm_before';
}

function vmId(vmState: string): string {
  return `vm_${vmState.replaceAll(/\W/g, '_')}`;
}
