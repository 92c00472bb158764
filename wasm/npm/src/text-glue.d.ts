// What `cargo web` makes of wasm-bindgen's script for the crate in ../../text; its functions throw `Failure` of `glue.d.ts`.

export function instantiate(module: WebAssembly.Module): Promise<TextInstance>;

export interface TextInstance {
  readonly memory: WebAssembly.Memory;
  readonly TextPreparer: new (section: Uint8Array) => TextPreparer;
}

export interface TextPreparer {
  feed(): Int32Array;
  prepare(text: string): Int32Array;
  evasion(): number;
  unknown(): number;
}
