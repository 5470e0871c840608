// Quantities as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 });

export const count = (number) => whole.format(number ?? 0);
export const decimal = (number) => tenths.format(number ?? 0);

/** A short time, from milliseconds. */
export function duration(ms) {
  if (ms === undefined || ms === null || !Number.isFinite(ms)) return '–';
  if (ms < 10) return `${tenths.format(ms)} ms`;
  if (ms < 1000) return `${whole.format(ms)} ms`;
  if (ms < 60_000) return `${tenths.format(ms / 1000)} s`;
  return span(ms / 1000);
}

/** A long time, from seconds. */
export function span(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const [days, hours] = [Math.floor(total / 86_400), Math.floor(total / 3600) % 24];
  const [minutes, rest] = [Math.floor(total / 60) % 60, total % 60];
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${rest} s`;
  return `${rest} s`;
}

export function bytes(number) {
  if (!Number.isFinite(number)) return '–';
  const gibibytes = number / 2 ** 30;
  return gibibytes >= 1 ? `${tenths.format(gibibytes)} GiB` : `${whole.format(number / 2 ** 20)} MiB`;
}

/** The time of day of milliseconds since 1970. */
export function timeOfDay(timestamp) {
  return new Date(timestamp).toLocaleTimeString([], { hour12: false });
}
