/** The name in a request, made into a relative path that cannot leave its folder. */

/**
 * Gives `a/b` for `/a/b`, `\a\b`, `//a/./b`. Undefined for what is empty, points upwards or holds control characters: no such file is
 * served.
 */
export function normalizeFileName(name: string): string | undefined {
  if (/[\0-\x1f\x7f]/.test(name)) return undefined;
  // Firmware made for Windows servers writes backslashes.
  const parts = name.split(/[/\\]+/).filter((part) => part !== '' && part !== '.');
  if (parts.length === 0 || parts.includes('..')) return undefined;
  return parts.join('/');
}
