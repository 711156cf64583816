/** The YAML config file, read so that every complaint can name its line and column. */

import { DisklessError } from '../bytes/index.ts';
import type { FileSystem } from '../os/file.ts';

export interface ConfigFile {
  readonly values: Readonly<Record<string, unknown>>;
  /** `file:line:col` of a setting's value. */
  where(name: string): string;
}

/** Raises CONFIG_NOT_READABLE, CONFIG_SYNTAX, CONFIG_SETTING_UNKNOWN. `names` are the settings that may be in it. */
export async function readConfigFile(files: FileSystem, path: string, names: readonly string[]): Promise<ConfigFile> {
  // Most starts have no config file, and are not to wait for what reads it.
  const { isMap, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(await textOf(files, path), { lineCounter: lines, prettyErrors: false });
  const position = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    throw new DisklessError('CONFIG_SYNTAX', `${position(mistake.pos[0])}: ${mistake.message}`, {
      hint: 'The file is YAML: one "name: value" a line.',
    });
  }
  if (document.contents === null) return { values: {}, where: () => path };
  if (!isMap(document.contents)) {
    throw new DisklessError(
      'CONFIG_SYNTAX',
      `${position(document.contents.range?.[0] ?? 0)}: not a mapping of settings`,
      {
        hint: 'The file is YAML: one "name: value" a line.',
      },
    );
  }
  const offsets = new Map<string, number>();
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const at = (isScalar(key) ? key.range?.[0] : undefined) ?? 0;
    if (!names.includes(name)) {
      throw new DisklessError('CONFIG_SETTING_UNKNOWN', `${position(at)}: there is no setting "${name}"`, {
        hint: `The settings are ${names.join(', ')}.`,
      });
    }
    offsets.set(name, (value as { range?: [number, number, number] | null } | null)?.range?.[0] ?? at);
  }
  return {
    values: document.toJS() as Record<string, unknown>,
    where: (name) => position(offsets.get(name) ?? 0),
  };
}

async function textOf(files: FileSystem, path: string): Promise<string> {
  try {
    return new TextDecoder().decode(await files.readFile(path));
  } catch (error) {
    throw new DisklessError('CONFIG_NOT_READABLE', `cannot read the config file ${path}`, {
      cause: error,
      hint: error instanceof Error ? error.message : 'Check the path.',
    });
  }
}
