/**
 * What is run of tests that take very long.
 *
 * Killing a worker at every point alone takes more than half an hour, so that a run takes a third of the points, by a seed that it prints;
 * `npm run test:everything` takes all. Three runs with the seeds 0, 1 and 2 take every point once.
 */
const THIRDS = 3;

/** The runner sets it; without one a run by hand takes all. */
const seed = process.env['PODWIRE_CRASH_SEED'];

/** Of two sizes of a test: the first when everything is run, the second in each other run. */
export const everythingOr = <T>(everything: T, usual: T): T => (seed === undefined ? everything : usual);

/** @param points of one worker, in the order of their kills; what follows one another in twos stays together */
export function chosenPoints<T>(points: readonly T[]): readonly T[] {
  if (seed === undefined) return points;
  return points.filter((_, index) => Math.floor(index / 2) % THIRDS === Number(seed) % THIRDS);
}
