// Extra specs `capabilities:…` of the flavor (and those without any prefix, as in Nova) must be met by the host's
// attributes: `capabilities:hypervisor_type=s== QEMU`, `capabilities:cpu_info:vendor=AMD`.
import { attributeAt, attributeText } from '../host-paths.ts';
import { meets } from '../spec-operators.ts';
import type { Filter } from './filter.ts';

export const computeCapabilitiesFilter: Filter = {
  name: 'ComputeCapabilitiesFilter',
  holdsWhenForced: false,
  refuse: (host, spec) => {
    const { extraSpecs } = spec.flavor;
    for (const key in extraSpecs) {
      const requirement = extraSpecs[key] ?? '';
      const [scope = '', ...rest] = key.split(':');
      if (rest.length > 0 && scope !== 'capabilities') continue;
      const path = rest.length > 0 ? rest : [scope];
      const attribute = attributeAt(host, path);
      const name = path.join(':');
      if (attribute === undefined) return `has no capability ${name}`;
      const has = attributeText(attribute);
      if (!meets(has, requirement)) return `needs ${name} ${requirement}, has ${has}`;
    }
    return undefined;
  },
};
