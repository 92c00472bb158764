// What the host says of the device's connection and power; the worst where it says nothing.

/** The device's connection and power. */
export interface Conditions {
  /** Whether the connection costs. */
  readonly metered: boolean;
  /** Whether the device is charging. */
  readonly charging: boolean;
}

interface Connection extends EventTarget {
  readonly saveData?: boolean;
  readonly type?: string;
}

interface Battery extends EventTarget {
  readonly charging: boolean;
}

type Device = { readonly connection?: Connection; getBattery?(): Promise<Battery> };

/** The conditions at the moment. */
export async function conditionsOfDevice(): Promise<Conditions> {
  const { connection } = device();
  const metered = !connection || connection.saveData === true || COSTLY.has(connection.type ?? "");
  return { metered, charging: (await battery())?.charging ?? false };
}

/** Calls when the conditions may have changed, until the signal is aborted. */
export function watchConditions(changed: () => void, signal: AbortSignal): void {
  device().connection?.addEventListener("change", changed, { signal });
  void battery().then((battery) => battery?.addEventListener("chargingchange", changed, { signal }));
}

async function battery(): Promise<Battery | undefined> {
  try {
    return await device().getBattery?.();
  } catch {
    // A page that may not ask.
    return undefined;
  }
}

function device(): Device {
  return (globalThis.navigator ?? {}) as Device;
}

const COSTLY = new Set(["bluetooth", "cellular", "wimax"]);
