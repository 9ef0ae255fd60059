// Isolated images go to isolated hosts alone; other images stay off those unless the settings let them.
import type { Filter } from './filter.ts';

export const isolatedHostsFilter: Filter = {
  name: 'IsolatedHostsFilter',
  holdsWhenForced: false,
  refuse: (host, spec, { settings }) => {
    const isIsolated = settings.isolatedHosts.includes(host.host);
    const image = spec.image?.id;
    const isIsolatedImage = image !== undefined && settings.isolatedImages.includes(image);
    if (isIsolatedImage && !isIsolated) return `image ${image} is for isolated hosts`;
    if (!isIsolatedImage && isIsolated && settings.restrictIsolatedHostsToIsolatedImages)
      return 'it is for isolated images';
    return undefined;
  },
};
