/** The page's side of the worker: each request is a promise. */

import type { Answers, Reply, Request } from "./protocol";
import EngineWorker from "./worker?worker";

type Waiting = { resolve: (answer: never) => void; reject: (error: Error) => void };

export class Engine {
  private readonly worker = new EngineWorker();
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;

  constructor() {
    this.worker.addEventListener("message", (event: MessageEvent<Reply>) => {
      const { id } = event.data;
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if ("error" in event.data) waiting?.reject(new Error(event.data.error));
      else waiting?.resolve(event.data.answer as never);
    });
    this.worker.addEventListener("error", (event) => this.fail(event.message || "the worker could not be started"));
  }

  ask<K extends Request["kind"]>(request: Extract<Request, { kind: K }>, transfer: Transferable[] = []): Promise<Answers[K]> {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ ...request, id }, transfer);
    });
  }

  close(): void {
    this.worker.terminate();
    this.fail("closed");
  }

  private fail(message: string): void {
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }
}
