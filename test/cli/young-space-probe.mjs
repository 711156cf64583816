// Loaded before the program by its test: makes much that lives as the program ends, and prints how large the space for young objects
// has become by then, in bytes.
import { getHeapSpaceStatistics } from 'node:v8';

process.once('exit', () => {
  const living = [];
  for (let count = 0; count < 1_000_000; count++) living.push({ count });
  const space = getHeapSpaceStatistics().find((one) => one.space_name === 'new_space');
  process.stderr.write(`${living.length > 0 ? space?.space_size : 0}\n`);
});
