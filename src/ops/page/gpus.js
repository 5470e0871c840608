// The GPUs, where there are any.

import { Keyed, byId, instantiate, setHidden, setOptionalText, setText } from './dom.js';
import { bytes, count } from './format.js';

export class Gpus {
  #list = new Keyed(byId('gpu-list'), () => instantiate('gpu-template'));

  show(gpus) {
    setHidden(byId('gpus'), !gpus?.length);
    this.#list.show(gpus ?? [], ({ uuid }) => uuid, update);
  }
}

function share(node, part, whole) {
  const known = Number.isFinite(part) && whole > 0;
  node.style.setProperty('inline-size', known ? `${Math.min(100, (100 * part) / whole).toFixed(1)}%` : '0');
}

const known = (value, text) => (value === null || value === undefined ? '–' : text(value));

function update({ fields }, { gpu, name, reading, error }) {
  setText(fields.name, `GPU ${gpu}`);
  setText(fields.model, name);
  const now = reading ?? {};
  setText(fields.utilization, known(now.utilization_percent, (value) => `${count(value)} %`));
  share(fields.utilization_bar, now.utilization_percent, 100);
  setText(fields.memory, known(now.memory_used_bytes, (value) => `${bytes(value)} of ${bytes(now.memory_total_bytes)}`));
  share(fields.memory_bar, now.memory_used_bytes, now.memory_total_bytes);
  setText(fields.temperature, known(now.temperature_celsius, (value) => `${count(value)} °C`));
  setText(fields.power, known(now.power_watts, (value) => `${count(value)} W`));
  setOptionalText(fields.error, error);
}
