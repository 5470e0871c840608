// Writing to the page: text only, never markup, and only where something changed.

export const byId = (id) => document.getElementById(id);

/** A template's content, and its elements by their data-field. */
export function instantiate(id) {
  const node = byId(id).content.firstElementChild.cloneNode(true);
  return { node, fields: fieldsOf(node) };
}

export function fieldsOf(node) {
  return Object.fromEntries([...node.querySelectorAll('[data-field]')].map((field) => [field.dataset.field, field]));
}

/** A new element of text. */
export function element(name, text = '', attributes = {}) {
  const node = document.createElement(name);
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Sets an attribute, or removes it when the value is null. */
export function setAttribute(node, name, value) {
  if (value === null) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) {
    node.setAttribute(name, value);
  }
}

export function setHidden(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** Text that is out of the way when there is none. */
export function setOptionalText(node, text) {
  setText(node, text ?? '');
  setHidden(node, !text);
}

/** A state: its kind gives colour and shape, its text says it. */
export function setBadge(node, kind, text) {
  setAttribute(node, 'data-kind', kind);
  setText(node, text);
}

/**
 * Elements under a parent, one for each key: kept while their key is there, so that focus, selection and hover stay.
 */
export class Keyed {
  #parent;
  #create;
  #parts = new Map();

  /** `create(key)` gives `{ node, … }`. */
  constructor(parent, create) {
    this.#parent = parent;
    this.#create = create;
  }

  /** Calls `update(part, item)` for each item. Elements stand in the items' order, unless `reorder` is false. */
  show(items, keyOf, update, reorder = true) {
    const seen = new Set();
    let place = this.#parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      seen.add(key);
      let part = this.#parts.get(key);
      if (!part) {
        part = this.#create(key);
        this.#parts.set(key, part);
        this.#parent.insertBefore(part.node, reorder ? place : null);
      } else if (reorder && part.node !== place) {
        this.#parent.insertBefore(part.node, place);
      }
      place = part.node.nextElementSibling;
      update(part, item);
    }
    for (const [key, part] of this.#parts) {
      if (seen.has(key)) continue;
      part.node.remove();
      this.#parts.delete(key);
    }
  }
}
