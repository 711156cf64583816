/** Text from elsewhere, for a line that a person reads: what would break the line, or have a terminal do things, is shown as `?`. */
export function printable(text: string): string {
  // C0, DEL and C1 (ECMA-48), the separators of lines and paragraphs, and what turns the direction of writing (Unicode TR 36).
  return text.replaceAll(/[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g, '?');
}
