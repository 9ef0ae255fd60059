// Every kind of entity, with what its documents need: the catalogue's definition, the file of its protocol, and the
// shapes that are worth a name of their own. A new kind joins here; test/unit/fingerprints.test.ts finds a forgotten one.
import type { TSchema } from 'typebox';
import { consoleTokensDefinition } from '#actors/console/entity.ts';
import { flavorsDefinition, keypairsDefinition } from '#actors/catalog/entity.ts';
import {
  boundPortSchema,
  flavorSchema,
  portRequestSchema,
  serverImageSchema,
  serverKeySchema,
  serverRequestSchema,
} from '#actors/domain/server.ts';
import { serverGroupsDefinition } from '#actors/group/entity.ts';
import { serverGroupSchema } from '#actors/group/protocol.ts';
import { instanceDefinition } from '#actors/instance/entity.ts';
import {
  faultSchema,
  instanceCommands,
  instanceEvents,
  stepResultSchema,
} from '#actors/instance/protocol.ts';
import { ledgerDefinition } from '#actors/node/ledger.ts';
import { placementDefinition, placementNamesDefinition } from '#actors/placement/entity.ts';
import { projectDefinition } from '#actors/project/entity.ts';
import { providerDefinition } from '#actors/provider/entity.ts';
import {
  inventorySchema,
  providerChangeSchema,
  providerEvents,
} from '#actors/provider/protocol.ts';
import { identityEntity } from '#actors/services/identity/entity.ts';
import {
  applicationCredentialSchema,
  assignmentSchema,
  domainSchema,
  endpointSchema,
  groupSchema,
  projectSchema,
  regionSchema,
  roleSchema,
  serviceSchema,
  userSchema,
} from '#actors/services/identity/records.ts';
import { imageDefinition } from '#actors/services/image/entity.ts';
import { metadefsDefinition } from '#actors/services/metadefs/entity.ts';
import { imageAttributes } from '#actors/services/image/protocol.ts';
import { networkDefinition } from '#actors/services/network/entity.ts';
import { networkAttributes, portRecord, subnetRecord } from '#actors/services/network/protocol.ts';
import { routerDefinition } from '#actors/services/network/routers/entity.ts';
import { tenancyDefinition } from '#actors/services/network/tenancy-entity.ts';
import { ruleRecord } from '#actors/services/network/tenancy-protocol.ts';
import { aggregatesDefinition, hostDefinition } from '#actors/topology/entity.ts';
import { hypervisorSchema } from '#actors/topology/protocol.ts';
import type { AnyEntityDefinition } from '#runtime/entity/definition.ts';

export interface DocumentedEntity {
  readonly definition: AnyEntityDefinition;
  /** From the top of the repository. */
  readonly protocolFile: string;
  /** What one entity of the kind stands for. */
  readonly stands: string;
}

export const entities: readonly DocumentedEntity[] = [
  {
    definition: instanceDefinition,
    protocolFile: 'src/actors/instance/protocol.ts',
    stands: 'one server, named by its id',
  },
  {
    definition: ledgerDefinition,
    protocolFile: 'src/actors/node/ledger.ts',
    stands: 'the grants that one host has accepted, named by the host',
  },
  {
    definition: providerDefinition,
    protocolFile: 'src/actors/provider/protocol.ts',
    stands: 'what one resource provider has to give, and who holds how much of it',
  },
  {
    definition: placementDefinition,
    protocolFile: 'src/actors/placement/protocol.ts',
    stands: 'the writes of the placement API that are under way',
  },
  {
    definition: placementNamesDefinition,
    protocolFile: 'src/actors/placement/names-protocol.ts',
    stands: 'the traits and resource classes that administrators have made',
  },
  {
    definition: projectDefinition,
    protocolFile: 'src/actors/project/protocol.ts',
    stands: 'the quota of one project, or the limits of a quota class',
  },
  {
    definition: serverGroupsDefinition,
    protocolFile: 'src/actors/group/protocol.ts',
    stands: 'the server groups of one project, their members and the hosts that these hold',
  },
  {
    definition: hostDefinition,
    protocolFile: 'src/actors/topology/protocol.ts',
    stands: 'one compute host as administrators see it, named by the host',
  },
  {
    definition: aggregatesDefinition,
    protocolFile: 'src/actors/topology/aggregates-protocol.ts',
    stands: 'all host aggregates; there is one, `aggregates/all`',
  },
  {
    definition: consoleTokensDefinition,
    protocolFile: 'src/actors/console/protocol.ts',
    stands: 'console tokens, by the first byte of their hash',
  },
  {
    definition: flavorsDefinition,
    protocolFile: 'src/actors/catalog/protocol.ts',
    stands: 'all flavors; there is one, `flavors/all`',
  },
  {
    definition: keypairsDefinition,
    protocolFile: 'src/actors/catalog/protocol.ts',
    stands: 'the key pairs of one user',
  },
  {
    definition: identityEntity,
    protocolFile: 'src/actors/services/identity/protocol.ts',
    stands: 'accounts, roles and the catalogue; there is one, `identity/identity`',
  },
  {
    definition: imageDefinition,
    protocolFile: 'src/actors/services/image/protocol.ts',
    stands: 'one image; its bytes are in a store',
  },
  {
    definition: metadefsDefinition,
    protocolFile: 'src/actors/services/metadefs/protocol.ts',
    stands: 'the metadata definitions of the cloud; there is one, `metadefs/metadefs`',
  },
  {
    definition: networkDefinition,
    protocolFile: 'src/actors/services/network/protocol.ts',
    stands: 'one network with its subnets and ports',
  },
  {
    definition: routerDefinition,
    protocolFile: 'src/actors/services/network/routers/protocol.ts',
    stands: 'one router',
  },
  {
    definition: tenancyDefinition,
    protocolFile: 'src/actors/services/network/tenancy-protocol.ts',
    stands: 'the security groups and network quotas of one project',
  },
];

/** Outer ones first: a shape is told by its name wherever it occurs. */
export const namedShapes: Readonly<Record<string, TSchema>> = {
  ServerRequest: serverRequestSchema,
  Flavor: flavorSchema,
  ServerImage: serverImageSchema,
  ServerKey: serverKeySchema,
  PortRequest: portRequestSchema,
  BoundPort: boundPortSchema,
  Actor: instanceCommands['instance.operate'].body.properties.actor,
  PowerState: instanceEvents['instance.power-changed'].data.properties.power,
  Fault: faultSchema,
  StepResult: stepResultSchema,
  ProviderChange: providerChangeSchema,
  Inventory: inventorySchema,
  Allocation: providerEvents['provider.claimed'].data.properties.allocation,
  ServerGroup: serverGroupSchema,
  HypervisorFacts: hypervisorSchema,
  Domain: domainSchema,
  Project: projectSchema,
  User: userSchema,
  Group: groupSchema,
  Role: roleSchema,
  Assignment: assignmentSchema,
  Region: regionSchema,
  Service: serviceSchema,
  Endpoint: endpointSchema,
  ApplicationCredential: applicationCredentialSchema,
  ImageAttributes: imageAttributes,
  NetworkAttributes: networkAttributes,
  Subnet: subnetRecord,
  Port: portRecord,
  Rule: ruleRecord,
};
