/** Predicates: LDAPv3 search filters (RFC 2254) as far as RFC 2608 §8.1 has them. */

import { ProtocolError } from '../bytes/index.ts';
import { type AttributeValue, parseValue, tagOf, withoutEscapes } from './attribute.ts';
import { folded, foldedInside } from './text.ts';

export type Predicate =
  | { readonly kind: 'and' | 'or'; readonly terms: readonly Predicate[] }
  | { readonly kind: 'not'; readonly term: Predicate }
  | { readonly kind: 'compare'; readonly operator: Operator; readonly tag: string; readonly value: AttributeValue }
  | { readonly kind: 'present'; readonly tag: string }
  /** What is between the asterisks, folded: the first begins the value, the last ends it, and those between come in this order. */
  | { readonly kind: 'substrings'; readonly tag: string; readonly parts: readonly string[] };

export type Operator = '=' | '<=' | '>=' | '~=';

/** Brackets within brackets. */
const DEEPEST = 32;

/** A query of RFC 4018 §5.2 as it is printed there: an operator that stands before its terms without brackets. */
const PRINTED = /^&\s*\(/;

/** Undefined for the empty string, which all services satisfy. Raises SLP_PREDICATE_INVALID, SLP_STRING_INVALID. */
export function parsePredicate(text: string): Predicate | undefined {
  const written = text.trim();
  if (written === '') return undefined;
  if (PRINTED.test(written)) return printedQuery(written);
  const parser = new Parser(written);
  const predicate = parser.filter(0);
  parser.end();
  return predicate;
}

/**
 * RFC 4018 §5.2 prints its query 4 as `&(auth-name=X)(auth-name=any)`, for targets that let in X or anybody. It is no filter for want
 * of brackets, and no conjunction by its own description.
 */
function printedQuery(written: string): Predicate {
  const parser = new Parser(written);
  parser.skip(1);
  const terms = parser.filters(1);
  parser.end();
  const [first] = terms;
  const areOfOneTag = terms.every((term) => {
    return term.kind === 'compare' && term.operator === '=' && first?.kind === 'compare' && term.tag === first.tag;
  });
  if (terms.length < 2 || !areOfOneTag) throw invalid(written, 'it begins without a bracket');
  return { kind: 'or', terms };
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** One filter in its brackets. */
  filter(depth: number): Predicate {
    if (depth > DEEPEST) throw invalid(this.#text, `it is deeper than ${DEEPEST} brackets`);
    this.#expect('(');
    const predicate = this.#inside(depth);
    this.#expect(')');
    return predicate;
  }

  /** As many as there are. */
  filters(depth: number): Predicate[] {
    const terms: Predicate[] = [];
    while (this.#next() === '(') terms.push(this.filter(depth));
    return terms;
  }

  skip(characters: number): void {
    this.#at += characters;
  }

  end(): void {
    if (this.#next() !== undefined) throw invalid(this.#text, 'something follows its last bracket');
  }

  #inside(depth: number): Predicate {
    const operator = this.#next();
    if (operator === '&' || operator === '|') {
      this.#at++;
      const terms = this.filters(depth + 1);
      if (terms.length === 0) throw invalid(this.#text, `nothing follows "${operator}"`);
      return { kind: operator === '&' ? 'and' : 'or', terms };
    }
    if (operator === '!') {
      this.#at++;
      return { kind: 'not', term: this.filter(depth + 1) };
    }
    return this.#item();
  }

  #item(): Predicate {
    const end = this.#text.indexOf(')', this.#at);
    const [, tag = '', operator, value = ''] =
      /^([^=<>~]*)(=|<=|>=|~=)([\s\S]*)$/.exec(this.#text.slice(this.#at, Math.max(end, 0))) ?? [];
    if (!isOperator(operator)) throw invalid(this.#text, 'a term is not (tag=value)');
    this.#at = end;
    return item(tag, operator, value);
  }

  /** The next character that is no white space. */
  #next(): string | undefined {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++;
    return this.#text[this.#at];
  }

  #expect(bracket: string): void {
    if (this.#next() !== bracket) throw invalid(this.#text, `"${bracket}" is missing at character ${this.#at}`);
    this.#at++;
  }
}

function isOperator(text: string | undefined): text is Operator {
  return text === '=' || text === '<=' || text === '>=' || text === '~=';
}

function item(writtenTag: string, operator: Operator, value: string): Predicate {
  const tag = folded(tagOf(writtenTag));
  if (!value.includes('*')) return { kind: 'compare', operator, tag, value: parseValue(value) };
  if (operator !== '=') throw invalid(`${tag}${operator}${value}`, 'only "=" takes an asterisk');
  if (value.trim() === '*') return { kind: 'present', tag };
  const parts = value.trim().split('*');
  return { kind: 'substrings', tag, parts: parts.map((part) => foldedInside(withoutEscapes(part))) };
}

function invalid(text: string, why: string): ProtocolError {
  return new ProtocolError('SLP_PREDICATE_INVALID', `"${text}" is no predicate: ${why}`);
}
