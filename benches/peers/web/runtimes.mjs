// The runtimes as a page uses them: a class each, with one thread. `load` gets where the model lies, what is to be put in, and a promise
// of its elements; it starts everything at once that doesn't wait for something else. `output` gives the first output's elements.

const bytes = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.arrayBuffer();
};

const ARRAYS = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array };

class Dunlin {
  async load(model, input, elements) {
    const file = fetch(model);
    const { Classifier } = await import("/dunlin/index.js");
    this.classifier = await Classifier.load(file);
    this.input = new Float32Array(await elements);
  }

  async run() {
    this.last = await this.classifier.classify(this.input);
  }

  output() {
    return this.last.logits;
  }

  about() {
    return this.classifier.kernelSet;
  }
}

class OnnxRuntime {
  async load(model, input, elements) {
    const file = bytes(model);
    const ort = await import("/npm/onnxruntime-web/dist/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = "/npm/onnxruntime-web/dist/";
    const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
    this.session = await ort.InferenceSession.create(await file, options);
    const tensor = new ort.Tensor(input.type, new ARRAYS[input.type](await elements), input.shape);
    this.input = { [this.session.inputNames[0]]: tensor };
  }

  async run() {
    this.last = await this.session.run(this.input);
  }

  output() {
    return this.last[this.session.outputNames[0]].data;
  }
}

class LiteRt {
  library = "/npm/@litertjs/core/dist/index.js";

  async load(model, input, elements) {
    const file = bytes(model);
    const { loadLiteRt, loadAndCompile, Tensor } = await import(this.library);
    await loadLiteRt("/npm/@litertjs/core/wasm/");
    const options = { accelerator: "wasm", cpuOptions: { numThreads: 1 } };
    this.model = await loadAndCompile(new Uint8Array(await file), options);
    this.input = new Tensor(new ARRAYS[input.type](await elements), input.shape);
  }

  async run() {
    const [output] = await this.model.run(this.input);
    this.last?.delete();
    this.last = output;
  }

  output() {
    return this.last.toTypedArray();
  }
}

// With the line that browser.mjs adds, so that it takes int8.
class PatchedLiteRt extends LiteRt {
  library = "/patched/@litertjs/core/dist/index.js";
}

class TfLite {
  async load(model, input, elements) {
    const file = bytes(model);
    const folder = "/npm/@tensorflow/tfjs-tflite/wasm/";
    // The script thinks that it is a module of Node's.
    globalThis.exports = {};
    await new Promise((resolve, reject) => {
      const script = Object.assign(document.createElement("script"), { src: `${folder}tflite_web_api_client.js` });
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${script.src} can't be loaded`));
      document.head.append(script);
    });
    const { tflite_web_api, TFLiteWebModelRunner } = globalThis.tfweb;
    tflite_web_api.setWasmPath(folder);
    this.runner = await TFLiteWebModelRunner.create(await file, { numThreads: 1 });
    this.runner.getInputs()[0].data().set(new ARRAYS[input.type](await elements));
  }

  run() {
    if (!this.runner.infer()) throw new Error("the run failed");
  }

  output() {
    return this.runner.getOutputs()[0].data();
  }
}

class Rten {
  async load(model, input, elements) {
    const file = bytes(model);
    const module = await WebAssembly.compileStreaming(fetch("/rten/rten_web.wasm"));
    // Functions for threads and clocks, which one thread doesn't call.
    const imports = {};
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      (imports[from] ??= {})[name] = () => {
        throw new Error(`rten calls ${from}.${name}`);
      };
    }
    this.rten = (await WebAssembly.instantiate(module, imports)).exports;
    this.put(new Uint8Array(await file));
    this.check(this.rten.peer_load());
    const shape = new Uint8Array(Uint32Array.from(input.shape).buffer);
    this.put(shape, new Uint8Array(await elements));
    this.check(this.rten.peer_input(input.shape.length));
  }

  put(...parts) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    let at = this.rten.peer_buffer(length);
    for (const part of parts) {
      new Uint8Array(this.rten.memory.buffer, at, part.length).set(part);
      at += part.length;
    }
  }

  check(code) {
    if (!code) return;
    const { memory, peer_message, peer_message_len } = this.rten;
    throw new Error(new TextDecoder().decode(new Uint8Array(memory.buffer, peer_message(), peer_message_len())));
  }

  run() {
    this.check(this.rten.peer_run());
  }

  output() {
    const { memory, peer_result, peer_result_len } = this.rten;
    return new Float32Array(memory.buffer, peer_result(), peer_result_len());
  }
}

export const RUNTIMES = {
  dunlin: Dunlin,
  onnxruntime: OnnxRuntime,
  litert: LiteRt,
  "litert-patched": PatchedLiteRt,
  tflite: TfLite,
  rten: Rten,
};
