/** Tap and long press on the picture, with finger, pen or mouse. */

const LONG = 600;
const SLIP = 12;

export function onPress(element: HTMLElement, tap: () => void, long: () => void): void {
  let timer = 0;
  let start: [number, number] | null = null;
  const end = (): void => {
    clearTimeout(timer);
    start = null;
  };
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    start = [event.clientX, event.clientY];
    timer = window.setTimeout(() => {
      end();
      long();
    }, LONG);
  });
  element.addEventListener("pointermove", (event) => {
    if (start && Math.hypot(event.clientX - start[0], event.clientY - start[1]) > SLIP) end();
  });
  element.addEventListener("pointerup", () => {
    if (start) tap();
    end();
  });
  element.addEventListener("pointercancel", end);
  element.addEventListener("pointerleave", end);
  element.addEventListener("contextmenu", (event) => event.preventDefault());
}
