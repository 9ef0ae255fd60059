// Planted faults, to see that the checks of a walk would find them: each must turn some walk red within a thousand seeds
// (npm run sim -- --mutants). A mutant that survives means a weak check: mend the check. They are texts that are put
// in place of others while Node loads a file (mutate.ts); production code knows nothing of them.

export interface Mutant {
  readonly about: string;
  readonly file: string;
  /** Must be there exactly once. */
  readonly text: string;
  readonly by: string;
}

const shell = 'src/runtime/entity/shell.ts';
const board = 'src/runtime/entity/effects.ts';
const host = 'src/runtime/directory/host.ts';
const shards = 'src/runtime/directory/shard-owner.ts';
const follower = 'src/runtime/directory/follower.ts';
const disk = 'src/runtime/journal/memory-disk.ts';
const decide = 'src/actors/instance/decide.ts';
const evolve = 'src/actors/instance/evolve.ts';
const effects = 'src/actors/instance/effects.ts';
const grants = 'src/actors/instance/grants.ts';
const ledger = 'src/actors/node/ledger.ts';
const guest = 'src/actors/node/guest.ts';
const node = 'src/actors/node/actor.ts';

export const mutants: Readonly<Record<string, Mutant>> = {
  'no-epoch-check': {
    about: 'the store takes appends of an owner that was replaced',
    file: disk,
    text: 'const refusal = this.#fenced(request) ?? refusalOf(stream ?? newStream(), request);',
    by: 'const refusal = refusalOf({ ...(stream ?? newStream()), epoch: 0 }, request);',
  },
  'no-fence-check': {
    about: 'a claim of a shard does not stop its last owner',
    file: disk,
    text: 'const refusal = this.#fenced(request) ?? refusalOf(stream ?? newStream(), request);',
    by: 'const refusal = refusalOf(stream ?? newStream(), request);',
  },
  'no-version-check': {
    about: 'the store appends whatever the version is',
    file: disk,
    text: 'if (expectedVersion !== stream.version) {',
    by: 'if (expectedVersion > stream.version) {',
  },
  'acknowledged-before-append': {
    about: 'the asker is answered before the events are stored',
    file: shell,
    text: '    this.#pending += 1;\n    this.#last = appended.then(',
    by: '    this.#pending += 1;\n    message.answer(outcome.reply);\n    this.#last = appended.then(',
  },
  'effects-before-append': {
    about: 'effects start before the events that want them are stored',
    file: shell,
    text: '    this.#pending += 1;\n    this.#last = appended.then(',
    by: '    this.#pending += 1;\n    this.#effects.reconcile(definition.todo(after as never));\n    this.#last = appended.then(',
  },
  'no-reload-after-lost-append': {
    about: 'after an append of unknown outcome, the shell goes on from what it believes',
    file: shell,
    text: '      this.#stale = true;\n      env.log.warn(\n        { entity: this.#key, reason, err: cause },',
    by: '      env.log.warn(\n        { entity: this.#key, reason, err: cause },',
  },
  'effect-not-retried': {
    about: 'an effect that failed once is not tried again',
    file: board,
    text: '    running.cancelTimer = this.#env.timers.after(waitMs, () => this.#attempt(effect, running));',
    by: '    void waitMs;',
  },
  'effects-not-resumed': {
    about: 'effects are not taken up after a start, or by the next owner',
    file: host,
    text: '        if (definition.todo(states.get(id) as never).length > 0) this.#activate(key);\n      }\n    }\n  }',
    by: '      }\n    }\n  }',
  },
  'dead-owner-kept': {
    about: 'a shard whose owner has died is not taken over',
    file: shards,
    text: 'if (owner === undefined || !this.#options.membership.isAlive(owner, incarnation))',
    by: 'if (owner === undefined || incarnation < 0)',
  },
  'stale-read': {
    about: 'reads do not wait for what others were told',
    file: follower,
    text: '    if (!isShared) return;',
    by: '    if (!isShared || isShared) return;',
  },
  'request-done-twice': {
    about: 'a request that arrives again is carried out again',
    file: decide,
    text: "  if (command.type === 'instance.operate' && wasDone(state, command, facts)) return nothing;",
    by: '',
  },
  'grant-without-stopped': {
    about: 'a host that is not reached counts as one that has ended the guest',
    file: effects,
    text: '    if (error instanceof NodeFault && !triedAgain.has(error.code))',
    by: "    if (error instanceof NodeFault && effect.kind === 'destroy-guest') return ended(effect, {});\n    if (error instanceof NodeFault && !triedAgain.has(error.code))",
  },
  'run-epoch-reused': {
    about: 'the second grant has the number of the first',
    file: grants,
    text: '    runEpoch: state.runEpoch + 1,\n    ports: ports ?? [...state.ports],',
    by: '    runEpoch: Math.max(1, state.runEpoch),\n    ports: ports ?? [...state.ports],',
  },
  'observed-from-anyone': {
    about: 'reports of hosts count that the server is not granted to',
    file: decide,
    text: 'if (grant === undefined || grant.host !== command.host || grant.runEpoch !== command.runEpoch) {',
    by: 'if (grant === undefined) {',
  },
  'late-report-counts': {
    about: 'a report of an earlier operation or try ends the step under way',
    file: decide,
    text: '    operation.id !== report.operationId ||\n    operation.attempt !== report.attempt\n',
    by: '    false\n',
  },
  'interrupted-operation-not-ended': {
    about: 'a delete starts without ending the operation that it interrupts',
    file: decide,
    text: '  if (running !== undefined)\n    events.push({',
    by: '  if (running === null)\n    events.push({',
  },
  'excluded-host-forgotten': {
    about: 'a create comes back to the host that has just failed it',
    file: evolve,
    text: 'const excludedHosts = [...operation.excludedHosts, ...failed];',
    by: 'const excludedHosts = [...operation.excludedHosts, ...failed].slice(0, 0);',
  },
  'forgotten-deadline': {
    about: 'a step has no deadline',
    file: 'src/actors/instance/todo.ts',
    text: "    { id: `${id}/deadline`, kind: 'deadline', afterMs: deadlineMs, ...shared },\n",
    by: '',
  },
  'lost-undo': {
    about: 'a build that failed is not undone',
    file: 'src/actors/instance/operations/create.ts',
    text: "      undo: 'destroy-guest',\n",
    by: '',
  },
  'lost-undo-of-placement': {
    about: 'a placement that failed is not undone',
    file: 'src/actors/instance/operations/create.ts',
    text: "      undo: 'release-placement',\n",
    by: '',
  },
  'reordered-steps': {
    about: 'what a server holds is given back before its guest has ended',
    file: 'src/actors/instance/operations/delete.ts',
    text: "    {\n      name: 'destroy',\n      effect: 'destroy-guest',\n      taskState: 'deleting',\n      deadlineMs: 60_000,\n      undo: 'release-interrupted',\n    },\n    { name: 'release', effect: 'release-all', taskState: 'deleting', deadlineMs: 60_000 },",
    by: "    { name: 'release', effect: 'release-all', taskState: 'deleting', deadlineMs: 60_000 },\n    {\n      name: 'destroy',\n      effect: 'destroy-guest',\n      taskState: 'deleting',\n      deadlineMs: 60_000,\n      undo: 'release-interrupted',\n    },",
  },
  'leaked-claim': {
    about: 'a delete does not give the claim back',
    file: effects,
    text: '    services.placement.release(state.id, undefined, { requestId, owner: context }),',
    by: '',
  },
  'leaked-port': {
    about: 'a delete does not give the ports back',
    file: effects,
    text: '    services.placement.release(state.id, undefined, { requestId, owner: context }),\n    services.networks.release(state.id, requestId),',
    by: '    services.placement.release(state.id, undefined, { requestId, owner: context }),',
  },
  'quota-not-returned': {
    about: 'a delete does not give the quota back',
    file: effects,
    text: '  if (state.request !== undefined) {\n    releases.push(',
    by: '  if (state.request === null) {\n    releases.push(',
  },
  'reservation-not-settled': {
    about: 'quota that was reserved for a server that never came is never looked at',
    file: 'src/actors/project/core.ts',
    text: '  if (state.pending.size === 0) return [];',
    by: '  if (state.pending.size >= 0) return [];',
  },
  'grant-not-saved': {
    about: 'a guest is started before its grant is on the host’s disk',
    file: guest,
    text: 'const admitted = this.#grants.admit(order);',
    by: 'const admitted = Promise.resolve();',
  },
  'ledger-admits-old-grant': {
    about: 'a host takes up a grant that is over or superseded',
    file: ledger,
    text: '  if (isOver(state, serverId, runEpoch))\n    return refuse',
    by: '  if (serverId === undefined)\n    return refuse',
  },
  'tombstone-dropped': {
    about: 'a host forgets that a grant is over',
    file: ledger,
    text: '      return withEntry(state, event, {\n        closedAtMs: event.atMs,\n        ...(event.keepsFiles === true ? { keepsFiles: true } : {}),\n      });',
    by: '      return { ...state, entries: bucketDelete(state.entries, event.serverId) };',
  },
  'stopped-without-looking': {
    about: 'a delete writes the tombstone before the guest has ended',
    file: guest,
    text: '    await this.#endGuest(serverId);\n    await allParts([',
    by: '    await this.#grants.close(serverId, runEpoch, keepsFiles);\n    await allParts([',
  },
  'old-memory-kept': {
    about: 'memory that was saved before a start is kept',
    file: guest,
    text: '    // It would be of a disk that is about to change.\n    await this.#machine.storage.removeSavedMemory(order.serverId);',
    by: '',
  },
  'relist-tells-nothing': {
    about: 'what a host sees of its guests is not reported',
    file: node,
    text: "        return this.#tell(finding, 'relisted');",
    by: '        return undefined;',
  },
  'history-not-given-back': {
    about: 'what a store that went back in time has lost is not given back to it',
    file: disk,
    text: '      if ((stream?.version ?? 0) !== entry.firstVersion) continue;',
    by: '      if (stream !== undefined || entry.position > 0) continue;',
  },
  'lease-too-long': {
    about: 'a member counts on a lease for longer than others wait for it',
    file: 'src/runtime/membership/membership.ts',
    text: 'const OWN_LEASE_MS = SUSPECT_LEASE_MS - BEAT_MS;',
    by: 'const OWN_LEASE_MS = 60_000;',
  },
};
