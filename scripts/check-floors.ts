/**
 * Fails when a room imports upwards, sideways, or a thing that another room keeps to itself: the table of docs/architecture.md,
 * enforced. Part of `npm run lint`.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

const root = join(import.meta.dirname, '..', 'src');

const protocols = ['scsi', 'iscsi', 'dhcp', 'dhcp6', 'tftp', 'slp', 'isns', 'nbd', 'ibft'];

/** Which rooms a room may import, beside itself. */
const rooms: Record<string, readonly string[]> = {
  bytes: [],
  os: ['bytes'],
  scsi: ['bytes'],
  iscsi: ['bytes', 'scsi'],
  dhcp: ['bytes'],
  dhcp6: ['bytes'],
  tftp: ['bytes'],
  slp: ['bytes', 'iscsi'],
  isns: ['bytes'],
  nbd: ['bytes'],
  ibft: ['bytes'],
  block: ['bytes', 'os', 'nbd'],
  target: ['bytes', 'os', 'scsi', 'iscsi', 'block'],
  initiator: ['bytes', 'os', 'scsi', 'iscsi', 'block'],
  boot: [...protocols, 'bytes', 'os', 'block', 'target', 'initiator'],
  pool: ['bytes', 'os', 'block'],
  fleet: ['bytes', 'os'],
  server: [...protocols, 'bytes', 'os', 'block', 'target', 'initiator', 'boot', 'pool', 'fleet'],
};

/** The command line may import every room. */
const everything = new Set(['cli']);

/** Packages and built-in modules that belong to some rooms only; all other packages are refused in `src/`. */
const keepers: Record<string, readonly string[]> = {
  'node:child_process': ['os'],
  'node:dgram': ['os'],
  'node:dns/promises': ['os'],
  'node:fs': ['os'],
  'node:fs/promises': ['os'],
  'node:http': ['os'],
  'node:https': ['os'],
  'node:net': ['os'],
  'node:os': ['os', 'cli'],
  'node:perf_hooks': ['cli'],
  'node:sqlite': ['fleet'],
  'node:v8': ['os'],
  'node:vm': ['os'],
  'node:worker_threads': ['os'],
  koffi: ['os'],
  hono: ['server'],
  '@hono/node-server': ['server'],
  commander: ['cli'],
  yaml: ['cli'],
  zod: ['cli'],
};
const freeForAll = new Set([
  'node:assert',
  'node:buffer',
  'node:crypto',
  'node:diagnostics_channel',
  'node:events',
  'node:module',
  'node:path',
  'node:process',
  'node:timers',
  'node:timers/promises',
  'node:url',
  'node:util',
  'node:zlib',
]);

const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^'";]*?from\s+'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;

function complaintsOf(file: string): string[] {
  const room = relative(root, file).split('/')[0] ?? '';
  const complaints: string[] = [];
  for (const match of readFileSync(file, 'utf8').matchAll(importPattern)) {
    const specifier = match[1] ?? match[2] ?? match[3] ?? '';
    const complaint = specifier.startsWith('.') ? checkRoom(room, file, specifier) : checkPackage(room, specifier);
    if (complaint !== undefined) complaints.push(`${relative(join(root, '..'), file)}: ${complaint}`);
  }
  return complaints;
}

function checkRoom(room: string, file: string, specifier: string): string | undefined {
  const imported = relative(root, normalize(join(dirname(file), specifier))).split('/')[0] ?? '';
  if (imported === room || everything.has(room)) return undefined;
  if (rooms[room] === undefined) return `the room "${room}" is not in the table of scripts/check-floors.ts`;
  return rooms[room].includes(imported) ? undefined : `"${room}" may not import "${imported}" (${specifier})`;
}

function checkPackage(room: string, specifier: string): string | undefined {
  if (freeForAll.has(specifier)) return undefined;
  const keeper = keepers[specifier] ?? keepers[specifier.split('/')[0] ?? ''];
  if (keeper === undefined) return `"${specifier}" is in nobody's list in scripts/check-floors.ts`;
  return keeper.includes(room) ? undefined : `"${specifier}" belongs to ${keeper.join(', ')}, not to "${room}"`;
}

const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => join(entry.parentPath, entry.name));
const complaints = files.flatMap(complaintsOf);
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exit(1);
console.log(`${files.length} source files keep to their floors`);
