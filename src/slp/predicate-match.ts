/** Whether a service satisfies a predicate (RFC 2608 §8.1). */

import { type Attribute, type AttributeTable, type AttributeValue, attributeTable } from './attribute.ts';
import type { Operator, Predicate } from './predicate.ts';
import { folded } from './text.ts';

/** Without a predicate, every service does. */
export function satisfies(attributes: AttributeTable, predicate: Predicate | undefined): boolean {
  return predicate === undefined || holds(predicate, attributes, true);
}

/** The same for a list that is looked at once. */
export function listSatisfies(attributes: readonly Attribute[], predicate: Predicate | undefined): boolean {
  return predicate === undefined || satisfies(attributeTable(attributes), predicate);
}

/**
 * Whether the predicate is `wanted` for some of the values. A term is compared with each value by itself, so that `(!(y=0))` holds
 * for (y=0,1); about an attribute that is not there, or is of another type, neither a comparison nor its negation holds.
 */
function holds(predicate: Predicate, attributes: AttributeTable, wanted: boolean): boolean {
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return (predicate.kind === 'and') === wanted
        ? predicate.terms.every((term) => holds(term, attributes, wanted))
        : predicate.terms.some((term) => holds(term, attributes, wanted));
    case 'not':
      return holds(predicate.term, attributes, !wanted);
    case 'present':
      return attributes.has(predicate.tag) === wanted;
    case 'compare':
      return valuesOf(attributes, predicate.tag).some(
        (value) => compares(value, predicate.operator, predicate.value) === wanted,
      );
    case 'substrings':
      return valuesOf(attributes, predicate.tag).some(
        (value) => value.kind === 'string' && hasParts(folded(value.text), predicate.parts) === wanted,
      );
  }
}

function valuesOf(attributes: AttributeTable, tag: string): readonly AttributeValue[] {
  return attributes.get(tag)?.values ?? [];
}

/** Undefined when the two cannot be compared so. */
function compares(value: AttributeValue, operator: Operator, asked: AttributeValue): boolean | undefined {
  if (value.kind === 'integer' && asked.kind === 'integer') return inOrder(value.value - asked.value, operator);
  if (value.kind === 'string' && asked.kind === 'string') {
    return inOrder(Buffer.compare(Buffer.from(folded(value.text)), Buffer.from(folded(asked.text))), operator);
  }
  if (operator === '<=' || operator === '>=') return undefined;
  if (value.kind === 'boolean' && asked.kind === 'boolean') return value.value === asked.value;
  if (value.kind === 'opaque' && asked.kind === 'opaque') return Buffer.compare(value.bytes, asked.bytes) === 0;
  return undefined;
}

/** `~=`, the approximate match, has no other meaning than `=` in SLP. */
function inOrder(difference: number, operator: Operator): boolean {
  if (operator === '<=') return difference <= 0;
  return operator === '>=' ? difference >= 0 : difference === 0;
}

function hasParts(text: string, parts: readonly string[]): boolean {
  const first = (parts[0] ?? '').trimStart();
  const last = (parts.at(-1) ?? '').trimEnd();
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/** The values, folded, that a predicate asks some attribute to be equal to: what it is about. */
export function valuesAskedFor(predicate: Predicate | undefined, tag: string): string[] {
  if (predicate === undefined) return [];
  switch (predicate.kind) {
    case 'and':
    case 'or':
      return predicate.terms.flatMap((term) => valuesAskedFor(term, tag));
    case 'not':
      return valuesAskedFor(predicate.term, tag);
    case 'compare':
      return predicate.tag === tag && predicate.value.kind === 'string' ? [folded(predicate.value.text)] : [];
    default:
      return [];
  }
}

/**
 * The values, folded, of which an attribute must have one wherever a predicate holds; undefined when it may hold for others too. A
 * negation tells nothing of the values that are there beside the one that it names.
 */
export function valuesRequired(predicate: Predicate | undefined, tag: string): string[] | undefined {
  switch (predicate?.kind) {
    case 'and':
      return predicate.terms.map((term) => valuesRequired(term, tag)).find((values) => values !== undefined);
    case 'or': {
      const ofEach = predicate.terms.map((term) => valuesRequired(term, tag));
      return ofEach.some((values) => values === undefined) ? undefined : ofEach.flatMap((values) => values ?? []);
    }
    case 'compare': {
      const isEqual = predicate.operator === '=' || predicate.operator === '~=';
      return isEqual && predicate.tag === tag ? valuesAskedFor(predicate, tag) : undefined;
    }
    default:
      return undefined;
  }
}
