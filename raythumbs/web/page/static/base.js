// What everything is built on: markup in templates, and stores that redraw the components that read them.

import { h, render } from "./preact.js";
import { useEffect, useRef, useState } from "./hooks.js";
import htm from "./htm.js";

export { render, useEffect, useRef, useState };
export const html = htm.bind(h);

/** A value, and the listeners that are told when it changes. */
export class Store {
  #listeners = new Set();

  constructor(value) {
    this.value = value;
  }

  set(value) {
    this.value = value;
    this.#listeners.forEach((listener) => listener());
  }

  /** Change some fields of an object. */
  patch(fields) {
    this.set({ ...this.value, ...fields });
  }

  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Draw again whenever the store changes, and return its value. */
export function useStore(store) {
  const [, redraw] = useState(0);
  const drawn = store.value;
  useEffect(() => {
    const again = () => redraw((times) => times + 1);
    if (store.value !== drawn) again(); // effects run after the drawing, and it has changed in between
    return store.subscribe(again);
  }, [store]);
  return drawn;
}
