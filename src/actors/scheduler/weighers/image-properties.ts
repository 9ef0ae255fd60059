// Counts the servers of a host whose images have the same properties as the request's: a positive multiplier brings like
// to like (licences, warm caches), a negative one spreads them.
import type { Weigher } from './weigher.ts';

export const imagePropertiesWeigher: Weigher = {
  name: 'ImagePropertiesWeigher',
  multiplier: 'imageProperties',
  aggregateKey: 'image_props_weight_multiplier',
  weigh: (host, spec) => {
    let common = 0;
    for (const [name, value] of Object.entries(spec.image?.properties ?? {}))
      common += host.imageProperties.get(`${name}=${value}`) ?? 0;
    return common;
  },
};
