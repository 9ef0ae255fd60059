// Chance from a seed for tests; the generator itself is the product's, which `kilonova chaos` draws from, too.
export { type SeededRandom, seededRandom } from '#runtime/env/seeded-random.ts';
