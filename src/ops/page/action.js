// The one dialog in which every action is confirmed: it says what will be done, and then what was.

import { announce } from './announcer.js';
import { byId, element, setAttribute, setHidden, setText } from './dom.js';
import { Refusal } from './api.js';

const dialog = byId('action');
const [title, what, fields, outcome] = ['title', 'what', 'fields', 'outcome'].map((name) => byId(`action-${name}`));
const [cancel, confirm] = [byId('action-cancel'), byId('action-confirm')];
let current = null;

/**
 * Asks for confirmation. `action`: `title`, `what` (what it does), `verb` (on the button), `danger`, `fields`
 * (see below), and `run(values)`, which does it and gives a sentence about what was done.
 */
export function ask(action) {
  current = action;
  setText(title, action.title);
  setText(what, action.what);
  fields.replaceChildren(...(action.fields ?? []).map(field));
  report('', '');
  setText(cancel, 'Cancel');
  setText(confirm, action.verb);
  setHidden(confirm, false);
  confirm.className = action.danger ? 'danger' : 'primary';
  setAttribute(confirm, 'aria-disabled', null);
  dialog.showModal();
  (fields.querySelector('input, select') ?? cancel).focus();
}

function report(kind, text) {
  setAttribute(outcome, 'data-kind', kind);
  setText(outcome, text);
}

/** A field: `name`, `label`, and either `options` of `{ value, label, what }`, or `type` and what belongs to it. */
function field({ name, label, options, ...attributes }) {
  if (!options) {
    const box = element('label', `${label} `, { class: 'field' });
    box.append(element('input', '', { name, required: '', autocomplete: 'off', spellcheck: 'false', ...attributes }));
    return box;
  }
  const group = element('fieldset');
  group.append(element('legend', label));
  options.forEach((option, index) => {
    const row = element('label', '', { class: 'option' });
    const input = element('input', '', { type: 'radio', name, value: option.value });
    input.checked = attributes.value === undefined ? index === 0 : option.value === attributes.value;
    const text = element('span', option.label);
    if (option.what) text.append(element('small', option.what));
    row.append(input, text);
    group.append(row);
  });
  return group;
}

async function run(action) {
  const values = Object.fromEntries(new FormData(dialog.querySelector('form')));
  setAttribute(confirm, 'aria-disabled', 'true');
  report('busy', 'Working…');
  try {
    const done = await action.run(values);
    if (current !== action) return announce(`${action.title}: ${done}`);
    report('ok', done);
    fields.replaceChildren();
    setHidden(confirm, true);
  } catch (error) {
    const why = error instanceof Refusal ? error.message : String(error);
    if (current !== action) return announce(`${action.title}: ${why}`);
    report('bad', why);
    setAttribute(confirm, 'aria-disabled', null);
  }
  setText(cancel, 'Close');
  if (confirm.hidden) cancel.focus();
  return undefined;
}

dialog.addEventListener('submit', (event) => {
  event.preventDefault();
  if (confirm.hidden) dialog.close();
  else if (!confirm.hasAttribute('aria-disabled')) run(current);
});
// It comes some time after the dialog was closed, and then may be open again for another action.
dialog.addEventListener('close', () => { if (!dialog.open) current = null; });
cancel.addEventListener('click', () => dialog.close());
