// What OpenStack clients read: clouds.yaml with a user's and an administrator's cloud, and openrc for shells.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Secrets } from './secrets.ts';

interface Account {
  readonly user: string;
  readonly password: string;
  readonly project: string;
}

/** Writes data/clouds.yaml (clouds `kilonova` and `kilonova-admin`) and data/openrc. */
export function writeClientFiles(
  data: string,
  cloud: { readonly url: string; readonly region: string; readonly secrets: Secrets },
): void {
  const { url, region, secrets } = cloud;
  const user: Account = { user: 'demo', password: secrets.userPassword, project: 'demo' };
  const admin: Account = { user: 'admin', password: secrets.adminPassword, project: 'admin' };
  const entry = (name: string, account: Account): string => `  ${name}:
    auth:
      auth_url: ${yaml(`${url}/identity/v3`)}
      username: ${yaml(account.user)}
      password: ${yaml(account.password)}
      project_name: ${yaml(account.project)}
      user_domain_name: "Default"
      project_domain_name: "Default"
    region_name: ${yaml(region)}
    identity_api_version: "3"
`;
  const header =
    '# Written by kilonova at each start. Use it with: export OS_CLIENT_CONFIG_FILE=…/clouds.yaml OS_CLOUD=kilonova\n';
  write(
    join(data, 'clouds.yaml'),
    `${header}clouds:\n${entry('kilonova', user)}${entry('kilonova-admin', admin)}`,
  );
  const variables = {
    OS_AUTH_URL: `${url}/identity/v3`,
    OS_IDENTITY_API_VERSION: '3',
    OS_USERNAME: user.user,
    OS_PASSWORD: user.password,
    OS_PROJECT_NAME: user.project,
    OS_USER_DOMAIN_NAME: 'Default',
    OS_PROJECT_DOMAIN_NAME: 'Default',
    OS_REGION_NAME: region,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${shell(value)}`);
  write(
    join(data, 'openrc'),
    `# Written by kilonova at each start. Use it with: . openrc\nunset OS_CLOUD\n${lines.join('\n')}\n`,
  );
}

/** Every JSON string is a YAML string, but for characters that YAML takes for line breaks or does not allow. */
function yaml(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function shell(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function write(path: string, content: string): void {
  writeFileSync(path, content, { mode: 0o600 });
}
