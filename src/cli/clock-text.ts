/** The time of day as lines of a log begin with it; `time` is milliseconds since the Unix epoch. */
export function clockText(time: number): string {
  const at = new Date(time);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
}
