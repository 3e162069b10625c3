/** The controls of the page. */

import type { PaintedBackdrop } from "./backdrops";

export const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

/** One radio button per choice inside a fieldset. */
export function choices<T extends string>(fieldset: HTMLElement, list: [T, string][], chosen: T, changed: (value: T) => void): void {
  for (const [value, text] of list) {
    const label = document.createElement("label");
    label.className = "choice";
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: fieldset.id, value, checked: value === chosen,
    });
    input.addEventListener("change", () => changed(value));
    const span = document.createElement("span");
    span.textContent = text;
    label.append(input, span);
    fieldset.append(label);
  }
}

export function choose(fieldset: HTMLElement, value: string): void {
  const input = fieldset.querySelector<HTMLInputElement>(`input[value="${value}"]`);
  if (input) input.checked = true;
}

export function pictures(group: HTMLElement, list: PaintedBackdrop[], chosen: (backdrop: PaintedBackdrop) => void): void {
  for (const backdrop of list) {
    const button = Object.assign(document.createElement("button"), { type: "button", title: backdrop.name });
    button.setAttribute("aria-label", backdrop.name);
    button.setAttribute("aria-pressed", "false");
    button.style.backgroundImage = `url(${backdrop.thumbnail()})`;
    button.addEventListener("click", () => {
      press(group, button);
      chosen(backdrop);
    });
    group.append(button);
  }
}

export function press(group: HTMLElement, pressed: HTMLElement | null): void {
  for (const button of group.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button === pressed));
}
