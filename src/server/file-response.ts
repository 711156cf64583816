/** A file by HTTP: what the request's conditions leave of it (RFC 9110 §13), a range of it (§14), or all. */

import { parseByteRange } from './byte-range.ts';
import type { Loader } from './loaders.ts';

/** A header field of the request, its name in lower case. */
export type HeaderField = (name: string) => string | undefined;

/**
 * The body is a view of the file's bytes: a thousand answers under way take no more memory than one. UEFI asks for the size by HEAD
 * first, and refuses a file without Content-Length.
 */
export function fileResponse(file: Loader, method: string, field: HeaderField): Response {
  const { bytes, tag, modified } = file;
  const validators = { etag: tag, 'last-modified': modified.toUTCString() };
  const failed = failedCondition(file, field);
  if (failed !== undefined) return new Response(null, { status: failed, headers: validators });
  // RFC 9110 §14.2: a range means nothing to any method but GET.
  const isRanged = method === 'GET' && rangeHolds(file, field('if-range'));
  const range = parseByteRange(isRanged ? field('range') : undefined, bytes.length);
  if (range === 'unsatisfiable') {
    return new Response(null, { status: 416, headers: { 'content-range': `bytes */${bytes.length}` } });
  }
  const part = range === undefined ? bytes : bytes.subarray(range.first, range.last + 1);
  const partial = range === undefined ? {} : { 'content-range': `bytes ${range.first}-${range.last}/${bytes.length}` };
  return new Response(part, {
    status: range === undefined ? 200 : 206,
    headers: {
      'content-type': 'application/octet-stream',
      'accept-ranges': 'bytes',
      'content-length': String(part.length),
      ...validators,
      ...partial,
    },
  });
}

/** In the order of RFC 9110 §13.2.2, where a tag counts for more than a time. */
function failedCondition({ tag, modified }: Loader, field: HeaderField): 304 | 412 | undefined {
  const match = field('if-match');
  const unmodifiedSince = timeOf(field('if-unmodified-since'));
  if (match !== undefined ? !names(match, tag) : unmodifiedSince !== undefined && seconds(modified) > unmodifiedSince) {
    return 412;
  }
  const noneMatch = field('if-none-match');
  const modifiedSince = timeOf(field('if-modified-since'));
  if (noneMatch !== undefined) return names(noneMatch.replaceAll('W/"', '"'), tag) ? 304 : undefined;
  return modifiedSince !== undefined && seconds(modified) <= modifiedSince ? 304 : undefined;
}

/** RFC 9110 §13.1.5: what the client has a part of must be the same to the byte, or it gets all. */
function rangeHolds({ tag, modified }: Loader, ifRange: string | undefined): boolean {
  if (ifRange === undefined) return true;
  return ifRange.includes('"') ? ifRange.trim() === tag : timeOf(ifRange) === seconds(modified);
}

/** A list of entity tags, or `*` for any (RFC 9110 §13.1.1). A weak one, `W/"..."`, names nothing. */
function names(list: string, tag: string): boolean {
  if (list.trim() === '*') return true;
  const tags: readonly string[] = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.includes(tag);
}

/** HTTP knows no fractions of a second. */
function seconds(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}

/** What is no time is passed over (RFC 9110 §13.1.3). */
function timeOf(text: string | undefined): number | undefined {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
