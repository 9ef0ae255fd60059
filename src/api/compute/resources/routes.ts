// Every call of the resources in this folder.
import type { ComputeRoute } from '../route.ts';
import { aggregateRoutes } from './aggregates/aggregates.ts';
import { bareMetalRoutes } from './bare-metal.ts';
import { consoleRoutes } from './consoles/consoles.ts';
import { externalEventRoutes } from './external-events.ts';
import { availabilityZoneRoutes } from './hosts/availability-zones.ts';
import { extensionRoutes } from './extensions.ts';
import { extraSpecRoutes } from './flavors/extra-specs.ts';
import { flavorAccessRoutes } from './flavors/flavor-access.ts';
import { flavorRoutes } from './flavors/flavors.ts';
import { hostRoutes } from './hosts/hosts.ts';
import { hypervisorRoutes } from './hosts/hypervisors.ts';
import { imageRoutes } from './images/images.ts';
import { keypairRoutes } from './keypairs/keypairs.ts';
import { floatingIpRoutes } from './proxies/floating-ips.ts';
import { networkProxyRoutes } from './proxies/networks.ts';
import { securityGroupProxyRoutes } from './proxies/security-groups.ts';
import { limitRoutes } from './quotas/limits.ts';
import { migrationRoutes } from './migrations.ts';
import { quotaClassRoutes } from './quotas/quota-classes.ts';
import { quotaSetRoutes } from './quotas/quota-sets.ts';
import { serverGroupRoutes } from './server-groups/server-groups.ts';
import { serviceRoutes } from './hosts/services.ts';
import { usageAuditLogRoutes } from './usage-audit-log.ts';
import { assistedSnapshotRoutes, attachmentRoutes, shareRoutes } from './volumes/attachments.ts';
import { volumeRoutes } from './volumes/volumes.ts';
import { tenantUsageRoutes } from './tenant-usage.ts';

export const resourceRoutes: readonly ComputeRoute[] = [
  ...extensionRoutes,
  ...flavorRoutes,
  ...flavorAccessRoutes,
  ...extraSpecRoutes,
  ...keypairRoutes,
  ...imageRoutes,
  ...limitRoutes,
  ...quotaSetRoutes,
  ...quotaClassRoutes,
  ...availabilityZoneRoutes,
  ...serviceRoutes,
  ...hostRoutes,
  ...hypervisorRoutes,
  ...networkProxyRoutes,
  ...floatingIpRoutes,
  ...securityGroupProxyRoutes,
  ...aggregateRoutes,
  ...externalEventRoutes,
  ...consoleRoutes,
  ...bareMetalRoutes,
  ...serverGroupRoutes,
  ...usageAuditLogRoutes,
  ...volumeRoutes,
  ...attachmentRoutes,
  ...shareRoutes,
  ...assistedSnapshotRoutes,
  ...tenantUsageRoutes,
  ...migrationRoutes,
];
