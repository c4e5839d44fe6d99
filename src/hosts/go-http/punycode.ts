/**
 * Names beyond ASCII (RFC 3492), case kept, as Go's idna.ToASCII does: Node's own would change the name
 * first. Pure.
 */

const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;

/**
 * Takes time with the square of the label's length: the caller's names are at most a few hundred characters.
 */
export function punycode(label: string): string {
  const points = Array.from(label, (character) => character.codePointAt(0) ?? 0);
  const basic = points.filter((point) => point < 0x80);
  let output = String.fromCharCode(...basic) + (basic.length > 0 ? '-' : '');
  let handled = basic.length;
  let delta = 0;
  let bias = 72;
  let least = 0x80;
  while (handled < points.length) {
    const floor = least;
    least = points.reduce((min, point) => (point >= floor && point < min ? point : min), Infinity);
    delta += (least - floor) * (handled + 1);
    for (const point of points) {
      if (point < least) delta += 1;
      if (point !== least) continue;
      output += digits(delta, bias);
      bias = adapted(delta, handled + 1, handled === basic.length);
      delta = 0;
      handled += 1;
    }
    delta += 1;
    least += 1;
  }
  return output;
}

/** A number of variable length. */
function digits(number: number, bias: number): string {
  let text = '';
  let rest = number;
  for (let position = BASE; ; position += BASE) {
    const threshold = Math.min(Math.max(position - bias, T_MIN), T_MAX);
    if (rest < threshold) return text + digit(rest);
    text += digit(threshold + ((rest - threshold) % (BASE - threshold)));
    rest = Math.floor((rest - threshold) / (BASE - threshold));
  }
}

function digit(value: number): string {
  return String.fromCharCode(value < 26 ? 97 + value : 22 + value);
}

function adapted(delta: number, points: number, isFirst: boolean): number {
  let rest = Math.floor(delta / (isFirst ? 700 : 2));
  rest += Math.floor(rest / points);
  let bias = 0;
  for (; rest > ((BASE - T_MIN) * T_MAX) / 2; bias += BASE) rest = Math.floor(rest / (BASE - T_MIN));
  return bias + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + 38));
}
