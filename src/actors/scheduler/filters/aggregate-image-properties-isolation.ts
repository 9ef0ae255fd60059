// Aggregates whose metadata names a property of images take only images with one of those values; images that don't have
// the property go anywhere.
import { aggregateWords } from '../aggregate-values.ts';
import type { Filter } from './filter.ts';

export const aggregateImagePropertiesIsolationFilter: Filter = {
  name: 'AggregateImagePropertiesIsolation',
  holdsWhenForced: false,
  refuse: (host, spec, { settings }) => {
    if (host.aggregates.length === 0) return undefined;
    const properties = spec.image?.properties ?? {};
    const { imageIsolationNamespace: namespace, imageIsolationSeparator: separator } = settings;
    const start = namespace === '' ? '' : `${namespace}${separator}`;
    const keys = new Set(host.aggregates.flatMap(({ metadata }) => Object.keys(metadata)));
    for (const key of keys) {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (!key.startsWith(start) || property === undefined || property === '') continue;
      const values = aggregateWords(host, key);
      if (!values.includes(property))
        return `its aggregates take images with ${key} ${values.join(', ')}, this one has ${property}`;
    }
    return undefined;
  },
};
