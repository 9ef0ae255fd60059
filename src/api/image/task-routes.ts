// The tasks of imports, as administrators see all of them, and those of one image, as its owner does. They are kept with
// their images. A task that an administrator makes imports a new image from a URI.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ImageState, ImageTask } from '#actors/services/image/state.ts';
import type { ImageAccess } from './image-access.ts';
import { parseNewImage } from './image-body.ts';
import { queryOf } from './image-query.ts';
import { seconds } from './image-view.ts';
import { checkUri } from './import-routes.ts';
import { findFault, isRecord } from './json-schema.ts';
import { cutPage, parseListQuery } from './metadefs/list-query.ts';
import { taskSchema } from './task-schema.ts';
import { ImageHttpError } from './webob-error.ts';

/** After its end a task is told for this long, as Glance's task_time_to_live has it. */
const TASK_LIFE_MS = 48 * 3_600_000;
const TASKS = '/v2/tasks';

interface OwnedTask {
  readonly image: ImageState;
  readonly task: ImageTask;
}

export function taskRoutes(app: FastifyInstance, access: ImageAccess): void {
  app.get('/v2/images/:imageId/tasks', (request) => listOfImage(access, request));
  app.get(TASKS, (request) => listTasks(access, request));
  app.post(TASKS, (request, reply) => createTask(access, request, reply));
  app.get(`${TASKS}/:taskId`, (request) => showTask(access, request));
  app.delete(`${TASKS}/:taskId`, () => {
    throw new ImageHttpError(
      405,
      'This operation is currently not permitted on Glance Tasks. They are auto deleted after ' +
        'reaching the time based on their expires_at property.',
      { allow: 'GET' },
    );
  });
}

function requireAdmin(request: FastifyRequest): void {
  if (request.caller.isAdmin) return;
  throw new ImageHttpError(403, 'You are not authorized to complete tasks_api_access action.');
}

function isAlive(access: ImageAccess, task: ImageTask): boolean {
  const expiresAtMs = expiryOf(task);
  return expiresAtMs === undefined || expiresAtMs > access.context.env.clock.now();
}

function expiryOf(task: ImageTask): number | undefined {
  return task.status === 'processing' ? undefined : task.updatedAtMs + TASK_LIFE_MS;
}

async function listOfImage(access: ImageAccess, request: FastifyRequest): Promise<object> {
  const image = await access.find(request);
  const tasks = image.tasks.filter((task) => isAlive(access, task));
  return {
    tasks: tasks.map((task) => {
      const { requestId, userId } = task;
      const more = { image_id: image.id, request_id: requestId, user_id: userId };
      return { ...renderTask({ image, task }), ...more };
    }),
  };
}

async function allTasks(access: ImageAccess): Promise<readonly OwnedTask[]> {
  await access.context.views.barrier();
  return [...access.service.view.values()].flatMap((image) =>
    image.tasks.filter((task) => isAlive(access, task)).map((task) => ({ image, task })),
  );
}

async function listTasks(access: ImageAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request);
  const params = queryOf(request);
  const { status, type } = filtersOf(params);
  const query = parseListQuery(new URLSearchParams([...params].filter(isOfPaging)));
  const wanted = (await allTasks(access)).filter(
    ({ task }) =>
      (status === undefined || task.status === status) &&
      (type === undefined || task.type === type),
  );
  const page = cutPage(
    wanted.map((owned) => ({
      owned,
      name: owned.task.id,
      createdAtMs: owned.task.createdAtMs,
    })),
    query,
  );
  if (page === undefined) throw new ImageHttpError(400, `No task found with ID ${query.marker}`);
  params.delete('marker');
  const first = params.size === 0 ? TASKS : `${TASKS}?${params.toString()}`;
  const last = page.at(-1);
  if (last !== undefined) params.set('marker', last.name);
  return {
    tasks: page.map(({ owned }) => renderStub(owned)),
    first,
    schema: '/v2/schemas/tasks',
    ...(last !== undefined && page.length === query.limit
      ? { next: `${TASKS}?${params.toString()}` }
      : {}),
  };
}

function isOfPaging([name]: readonly [string, string]): boolean {
  return ['limit', 'marker', 'sort_dir', 'sort_key'].includes(name);
}

function filtersOf(params: URLSearchParams): {
  readonly status: string | undefined;
  readonly type: string | undefined;
} {
  const status = params.get('status') ?? undefined;
  if (status !== undefined && !['pending', 'processing', 'success', 'failure'].includes(status))
    throw new ImageHttpError(400, `Invalid status value: ${status}`);
  const type = params.get('type') ?? undefined;
  if (type !== undefined && !['import', 'api_image_import'].includes(type))
    throw new ImageHttpError(400, `Invalid type value: ${type}`);
  return { status, type };
}

async function showTask(access: ImageAccess, request: FastifyRequest): Promise<object> {
  requireAdmin(request);
  const { taskId } = request.params as { taskId: string };
  return renderTask(await findTask(access, taskId));
}

async function findTask(access: ImageAccess, taskId: string): Promise<OwnedTask> {
  const found = (await allTasks(access)).find(({ task }) => task.id === taskId.toLowerCase());
  if (found === undefined) throw new ImageHttpError(404, `No task found with ID ${taskId}`);
  return found;
}

function renderStub({ task }: OwnedTask): Record<string, unknown> {
  const expiresAtMs = expiryOf(task);
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.ownerId,
    ...(expiresAtMs === undefined ? {} : { expires_at: seconds(expiresAtMs) }),
    created_at: seconds(task.createdAtMs),
    updated_at: seconds(task.updatedAtMs),
    self: `${TASKS}/${task.id}`,
    schema: '/v2/schemas/task',
  };
}

function renderTask(owned: OwnedTask): Record<string, unknown> {
  const { image, task } = owned;
  return {
    ...renderStub(owned),
    input: task.input,
    result: task.status === 'success' ? { image_id: image.id } : null,
    message: task.message,
  };
}

/** Makes the image, too: an import of this kind begins with nothing. */
async function createTask(
  access: ImageAccess,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { input, uri } = parseTask(access, request.body);
  requireAdmin(request);
  const { caller, requestId } = request;
  const ownerId = caller.projectId ?? '';
  const properties = isRecord(input['image_properties']) ? input['image_properties'] : {};
  const { attributes, tags, ...rest } = parseNewImage({
    disk_format: input['import_from_format'],
    container_format: 'bare',
    ...properties,
  });
  access.withinQuota(ownerId, { image_count_total: 1, image_count_uploading: 1 });
  const [imageId, taskId] = [rest.id ?? access.newId(), access.newId()];
  await access.ask(request, imageId, {
    type: 'image.create',
    attributes: { ...attributes, ownerId },
    tags: [...tags],
    properties: { ...rest.properties },
    changeId: access.newId(),
  });
  await access.ask(request, imageId, {
    type: 'image.start-import',
    task: {
      id: taskId,
      type: 'import',
      method: 'web-download',
      uri,
      input,
      ownerId,
      userId: caller.userId,
      requestId,
    },
  });
  return reply
    .code(201)
    .header('location', `${TASKS}/${taskId}`)
    .send(renderTask(await findTask(access, taskId)));
}

function parseTask(
  access: ImageAccess,
  body: unknown,
): { readonly input: Record<string, unknown>; readonly uri: string } {
  if (!isRecord(body)) throw new ImageHttpError(400, 'Body expected in request');
  const missing = ['type', 'input'].find((name) => !Object.hasOwn(body, name));
  if (missing !== undefined) throw new ImageHttpError(400, `Task '${missing}' is required`);
  const fault = findFault(taskSchema, body);
  if (fault !== undefined)
    throw new ImageHttpError(400, `Provided object does not match schema 'task': ${fault}`);
  if (body['type'] !== 'import')
    throw new ImageHttpError(
      400,
      "Only tasks of type 'import' can be made; others are the service's own",
    );
  // The schema lets it be null.
  const input = (body['input'] ?? {}) as Record<string, unknown>;
  for (const name of ['import_from', 'import_from_format', 'image_properties'])
    if (input[name] === undefined)
      throw new ImageHttpError(400, `Input does not contain '${name}' field`);
  return { input, uri: checkUri(access, input['import_from']) };
}
