/**
 * Pages of docs/rfc: tables of clauses. Each has a column `clause` and a column `test`, and may have one `where`:
 *
 *     | clause | what | where | test |
 *     |---|---|---|---|
 *     | 4.2.2.1 | commands run in CmdSN order | `target/command-window.ts` | `target/command-window`: whatever comes, … |
 *
 * `where` has paths of files or folders, in src/ or in the repository. `test` has one entry or several, with `<br>` between: a file of
 * test/ without its ending and the title of a test or of a suite there, or in plain words why there is none. Titles may leave out the
 * clauses in brackets at their end.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Row {
  readonly line: number;
  /** By the name of their column. */
  readonly cells: ReadonlyMap<string, string>;
}

/** All rows of all tables. */
export function rowsOf(page: string): Row[] {
  const rows: Row[] = [];
  let header: readonly string[] | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    if (!line.startsWith('|')) {
      header = undefined;
      continue;
    }
    const cells = cellsOf(line);
    if (header === undefined) header = cells;
    else if (!cells.every((cell) => /^:?-+:?$/.test(cell))) {
      const named = header.map((name, column) => [name, cells[column] ?? ''] as const);
      rows.push({ line: index + 1, cells: new Map(named) });
    }
  }
  return rows;
}

/** A bar that belongs to a cell is written `\|`. */
function cellsOf(line: string): string[] {
  const parts = line.split(/(?<!\\)\|/).map((part) => part.trim().replaceAll(String.raw`\|`, '|'));
  return parts.slice(1, -1);
}

/** What is wrong with a page, line by line. `root` is the folder of the repository. */
export function problemsOf(page: string, root: string): string[] {
  return rowsOf(page).flatMap(({ line, cells }) =>
    [
      ...clauseProblems(cells.get('clause')),
      ...whereProblems(cells.get('where') ?? '', root),
      ...testProblems(cells.get('test'), root),
    ].map((problem) => `line ${line}: ${problem}`),
  );
}

const CLAUSE = /^(?:RFC \d{3,5} )?(?:\d+|[A-Z])(?:\.\d+)*$/;

function clauseProblems(cell: string | undefined): string[] {
  if (cell === undefined) return ['the table has no column "clause"'];
  return cell.split(', ').flatMap((clause) => (CLAUSE.test(clause) ? [] : [`"${clause}" is no clause`]));
}

function whereProblems(cell: string, root: string): string[] {
  if (cell === '') return [];
  return cell.split(', ').flatMap((entry) => {
    const path = /^`([^`]+)`$/.exec(entry)?.[1];
    if (path === undefined) return [`"${entry}" is no path in backticks`];
    return existsSync(join(root, 'src', path)) || existsSync(join(root, path)) ? [] : [`${path} is not there`];
  });
}

function testProblems(cell: string | undefined, root: string): string[] {
  if (cell === undefined) return ['the table has no column "test"'];
  return cell.split('<br>').flatMap((entry) => {
    const [, file, title] = /^`([^`]+)`: (.+)$/.exec(entry.trim()) ?? [];
    if (file === undefined || title === undefined) return reasonProblems(entry);
    const path = join(root, 'test', `${file}.test.ts`);
    if (!existsSync(path)) return [`test/${file}.test.ts is not there`];
    return hasTitle(readFileSync(path, 'utf8'), title) ? [] : [`test/${file}.test.ts has no "${title}"`];
  });
}

/** Without a test, there are words that say why. */
function reasonProblems(entry: string): string[] {
  return entry.trim().split(/\s+/).length >= 3 ? [] : [`neither a test nor a reason: "${entry.trim()}"`];
}

/** Clauses in brackets at the end of a title. */
const CLAUSES = String.raw`(?: \([^()]*§[^()]*\))?`;

/** Paths of modules are literals, and no titles. */
const IMPORT_PATH = /\b(?:from |import |import\()'[^'\n]*'/g;

/** Whether a test file has this title: as a literal, as a name in a table, or as what a template can become. */
function hasTitle(file: string, title: string): boolean {
  const source = file.replaceAll(IMPORT_PATH, '');
  const literal = escaped(title).replaceAll("'", String.raw`\\?'`);
  if (new RegExp(`(['"\`])${literal}${CLAUSES}\\1`).test(source)) return true;
  if (/^\w+$/.test(title) && new RegExp(`^\\s+${title}: `, 'm').test(source)) return true;
  return templatesOf(source).some((template) => template.test(title));
}

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);

/** What a template may become, each value of one character or more. */
function templatesOf(source: string): RegExp[] {
  return [...source.matchAll(/`((?:[^`\\]|\\.)*\$\{(?:[^`\\]|\\.)*)`/g)].flatMap(([, text = '']) => {
    const fixed = text.split(/\$\{[^}]*\}/);
    // A template of nothing but values says nothing.
    if (fixed.join('').trim().length < 3) return [];
    const [last = ''] = fixed.slice(-1);
    const bare = last.replace(/ \([^()]*§[^()]*\)$/, '');
    const parts = [...fixed.slice(0, -1), bare].map((part) => escaped(part));
    return [new RegExp(`^${parts.join('.+')}${CLAUSES}$`)];
  });
}
