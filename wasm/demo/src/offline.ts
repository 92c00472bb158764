// The service worker that keeps the page for when there is no network.

import { element } from "./elements";

/** Installs it, says when the page works offline, and offers a new version when there is one. */
export async function workOffline(): Promise<void> {
  const { serviceWorker } = navigator;
  // Under the development server nothing is kept, and without https browsers have no service workers.
  if (!serviceWorker || import.meta.env.DEV) return;
  const badge = element("offline", HTMLElement);
  try {
    const registration = await serviceWorker.register("./service-worker.js", { updateViaCache: "none" });
    registration.addEventListener("updatefound", () => offer(registration, registration.installing));
    offer(registration, registration.waiting);
    await serviceWorker.ready;
    badge.textContent = "Works offline";
  } catch {
    badge.textContent = "Needs the network";
  }
}

function offer(registration: ServiceWorkerRegistration, worker: ServiceWorker | null): void {
  const show = (): void => {
    if (registration.waiting && navigator.serviceWorker.controller) element("update", HTMLElement).hidden = false;
  };
  worker?.addEventListener("statechange", show);
  show();
  element("update-now", HTMLButtonElement).onclick = () => {
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting?.postMessage("take over");
  };
}
