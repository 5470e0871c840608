// A line of the last values, in an SVG of 120 by 24 that is there already.

const [WIDTH, HEIGHT, MARGIN] = [120, 24, 2];

/** Draws `values`, oldest first, with room for `length` of them; the newest stands at the right. */
export function draw(svg, values, length, atLeast = 0) {
  const line = svg.firstElementChild;
  const most = Math.max(atLeast, ...values) || 1;
  const step = WIDTH / Math.max(1, length - 1);
  const first = WIDTH - step * (values.length - 1);
  const points = values.map((value, index) => {
    const height = MARGIN + (1 - value / most) * (HEIGHT - 2 * MARGIN);
    return `${(first + index * step).toFixed(1)},${height.toFixed(1)}`;
  }).join(' ');
  if (line.getAttribute('points') !== points) line.setAttribute('points', points);
}
