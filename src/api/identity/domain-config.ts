// Settings of single domains, by group and option. Kept and shown as they are: users of every domain are those of this
// service, whatever a setting says of another directory.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EntryRecord } from '#actors/services/identity/entries/schemas.ts';
import { findEntry } from '#actors/services/identity/entries/tables.ts';
import { lookUp } from '#actors/services/identity/table.ts';
import { ownEntry } from '../own-entry.ts';
import type { Body } from './collection.ts';
import { domainOptions, secretOptions } from './domain-options.ts';
import { addEntry, removeEntry } from './entry-collection.ts';
import { isAdmin, readsAll } from './policy.ts';
import { notFound, Problem } from './problem.ts';
import {
  type IdentityApi,
  memberBody,
  param,
  permit,
  requireToken,
  stateOf,
  write,
} from './service.ts';

type Config = EntryRecord<'domain-config'>['config'];

export function domainConfigRoutes(app: FastifyInstance, api: IdentityApi): void {
  registerDefaults(app, api);

  app.put('/domains/:id/config', async (request, reply) => {
    const { id, config: before } = configIn(api, request, 'create_domain_config');
    const config = readConfig(memberBody(request, 'config'));
    if (before !== undefined) await write(api, request, removeEntry('domain-config', id));
    await write(api, request, addEntry('domain-config', { id, config }));
    return reply.code(before === undefined ? 201 : 200).send({ config: shown(config) });
  });

  for (const path of ['', '/:group', '/:group/:option'])
    registerPart(app, api, `/domains/:id/config${path}`);
}

function registerPart(app: FastifyInstance, api: IdentityApi, path: string): void {
  app.get(path, (request) => {
    const { id, config } = configIn(api, request, 'get_domain_config');
    return { config: partOf(id, shown(config ?? {}), placeIn(request)) };
  });

  app.patch(path, async (request, reply) => {
    const { id, config } = configIn(api, request, 'update_domain_config');
    const { group, option } = placeIn(request);
    const body = memberBody(request, 'config');
    const given = option === undefined ? body : { [group ?? '']: body };
    checkPlace(given, group, option);
    const changes = readConfig(given);
    if (group !== undefined) partOf(id, config ?? {}, { group, option });
    const updated = merge(config ?? {}, changes);
    if (config === undefined)
      await write(api, request, addEntry('domain-config', { id, config: updated }));
    else await change(api, request, id, updated);
    return reply.send({ config: shown(updated) });
  });

  app.delete(path, async (request, reply) => {
    const { id, config } = configIn(api, request, 'delete_domain_config');
    const { group, option } = placeIn(request);
    partOf(id, config ?? {}, { group, option });
    const rest = without(config ?? {}, group, option);
    if (Object.keys(rest).length === 0) await write(api, request, removeEntry('domain-config', id));
    else await change(api, request, id, rest);
    return reply.code(204).send();
  });
}

function change(
  api: IdentityApi,
  request: FastifyRequest,
  id: string,
  config: Config,
): Promise<void> {
  const kind = 'domain-config';
  return write(api, request, { type: 'identity.change-entry', kind, id, changes: { config } });
}

interface Place {
  readonly group: string | undefined;
  readonly option: string | undefined;
}

function placeIn(request: FastifyRequest): Place {
  const [group, option] = ['group', 'option'].map((name) => param(request, name) || undefined);
  if (group !== undefined) checkKnown(group, option);
  return { group, option };
}

function configIn(
  api: IdentityApi,
  request: FastifyRequest,
  action: string,
): { readonly id: string; readonly config: Config | undefined } {
  const grant = requireToken(api, request);
  permit(action === 'get_domain_config' ? readsAll(grant) : isAdmin(grant), action);
  const id = param(request, 'id');
  if (lookUp(stateOf(api).domains, id) === undefined) throw notFound('domain', id);
  return { id, config: findEntry(stateOf(api), 'domain-config', id)?.config };
}

function readConfig(body: Body): Config {
  if (Object.keys(body).length === 0) throw wrongConfig('No options specified');
  for (const [group, options] of Object.entries(body)) {
    const isMap = typeof options === 'object' && options !== null && !Array.isArray(options);
    if (!isMap || Object.keys(options).length === 0)
      throw wrongConfig(
        `The value of group ${group} specified in the config should be a dictionary of options`,
      );
    for (const option of Object.keys(options)) checkKnown(group, option);
  }
  return body as Config;
}

function checkKnown(group: string, option: string | undefined): void {
  const options = ownEntry(domainOptions, group);
  if (options === undefined)
    throw wrongConfig(`Group ${group} is not supported for domain specific configurations`);
  if (option === undefined) return;
  if (ownEntry(options, option) === undefined && !isSecret(group, option))
    throw wrongConfig(
      `Option ${option} in group ${group} is not supported for domain specific configurations`,
    );
}

/** What the path names must be what the body has, and nothing else. */
function checkPlace(given: Body, group: string | undefined, option: string | undefined): void {
  if (group === undefined) return;
  const names = Object.keys(given);
  if (names.length !== 1 || names[0] !== group)
    throw wrongConfig(
      `Trying to update group ${group}, so that, and only that, group must be specified in the config`,
    );
  const options = Object.keys(given[group] ?? {});
  if (option !== undefined && (options.length !== 1 || options[0] !== option))
    throw wrongConfig(
      `Trying to update option ${option} in group ${group}, so that, and only that, option must be specified in the config`,
    );
}

/** As the path asks: all groups, one group by its name, or one option by its name. */
function partOf(id: string, config: Config, { group, option }: Place): object {
  const options = group === undefined ? undefined : ownEntry(config, group);
  const value = option === undefined ? undefined : ownEntry(options ?? {}, option);
  const found = option !== undefined ? value : group !== undefined ? options : config;
  if (found === undefined || (found === config && Object.keys(config).length === 0))
    throw new Problem(
      404,
      `Could not find ${wordsOf(group, option)} in domain configuration for domain ${id}.`,
    );
  if (option !== undefined) return { [option]: value };
  return group === undefined ? config : { [group]: options };
}

function wordsOf(group: string | undefined, option: string | undefined): string {
  if (option !== undefined) return `option ${option} in group ${group}`;
  return group === undefined ? 'any options' : `group ${group}`;
}

function merge(config: Config, changes: Config): Config {
  const merged = Object.entries(changes).map(([group, options]) => [
    group,
    { ...ownEntry(config, group), ...options },
  ]);
  return { ...config, ...(Object.fromEntries(merged) as Config) };
}

function without(config: Config, group: string | undefined, option: string | undefined): Config {
  if (group === undefined) return {};
  const { [group]: options = {}, ...others } = config;
  if (option === undefined) return others;
  const { [option]: _gone, ...rest } = options;
  return Object.keys(rest).length === 0 ? others : { ...others, [group]: rest };
}

/** Without what may be set and never read. */
function shown(config: Config): Config {
  const groups = Object.entries(config).map(([group, options]) => [
    group,
    Object.fromEntries(Object.entries(options).filter(([option]) => !isSecret(group, option))),
  ]);
  return Object.fromEntries(groups) as Config;
}

function isSecret(group: string, option: string): boolean {
  return (ownEntry(secretOptions, group) ?? []).includes(option);
}

function wrongConfig(reason: string): Problem {
  return new Problem(403, `Invalid domain specific configuration: ${reason}.`);
}

function registerDefaults(app: FastifyInstance, api: IdentityApi): void {
  const allow = (request: FastifyRequest) =>
    permit(readsAll(requireToken(api, request)), 'get_domain_config_default');
  app.get('/domains/config/default', (request) => {
    allow(request);
    return { config: domainOptions };
  });
  app.get('/domains/config/:group/default', (request) => {
    allow(request);
    const { group = '' } = placeIn(request);
    return { config: { [group]: ownEntry(domainOptions, group) } };
  });
  app.get('/domains/config/:group/:option/default', (request) => {
    allow(request);
    const { group = '', option = '' } = placeIn(request);
    if (isSecret(group, option))
      throw wrongConfig(
        `Reading the default for option ${option} in group ${group} is not supported`,
      );
    return { config: { [option]: ownEntry(ownEntry(domainOptions, group) ?? {}, option) } };
  });
}
