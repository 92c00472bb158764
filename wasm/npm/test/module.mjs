// Changes WebAssembly modules, to see what becomes of failures that a host or a defect would bring.

/** The module with at most so many pages of memory. */
export function withPages(module, pages) {
  return edited(module, 5, (section) => {
    const [, initial] = section.numbers(3).slice(1);
    return [1, 1, ...leb(initial), ...leb(pages)];
  });
}

/** Pages of memory that the module begins with. */
export function pagesOf(module) {
  let pages;
  edited(module, 5, (section) => ((pages = section.numbers(3)[2]), section.bytes));
  return pages;
}

/** The module with an exported function that traps. */
export const withTrap = (module, name) => withBody(module, name, [0x00]);

/** The module with an exported function that doesn't end. */
export const withLoop = (module, name) => withBody(module, name, [0x03, 0x40, 0x0c, 0, 0x0b, 0x00]);

/** The module with an exported function that does something else, and never returns. */
function withBody(module, name, instructions) {
  let index;
  let imported = 0;
  edited(module, 2, (section) => {
    // All imports of the package's module are functions.
    imported = section.numbers(1)[0];
    return section.bytes;
  });
  edited(module, 7, (section) => {
    const [count] = section.numbers(1);
    for (let i = 0; i < count; i++) {
      const text = section.name();
      const [, item] = section.numbers(2);
      if (text === name) index = item - imported;
    }
    return section.bytes;
  });
  if (index === undefined) throw new Error(`nothing exported is called ${name}`);
  return edited(module, 10, (section) => {
    const [count] = section.numbers(1);
    const bodies = Array.from({ length: count }, () => section.body());
    bodies[index] = [0, ...instructions, 0x0b];
    return [...leb(count), ...bodies.flatMap((body) => [...leb(body.length), ...body])];
  });
}

class Section {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  numbers(count) {
    return Array.from({ length: count }, () => {
      let [value, shift, byte] = [0, 0, 0];
      do {
        byte = this.bytes[this.at++];
        value += (byte & 127) * 2 ** shift;
        shift += 7;
      } while (byte & 128);
      return value;
    });
  }

  body() {
    const [length] = this.numbers(1);
    this.at += length;
    return Array.from(this.bytes.subarray(this.at - length, this.at));
  }

  name() {
    return String.fromCharCode(...this.body());
  }
}

function leb(value) {
  const bytes = [];
  do {
    bytes.push(value % 128 | (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return bytes;
}

function edited(module, wanted, edit) {
  const input = new Section(module);
  const output = [Array.from(module.subarray(0, 8))];
  for (input.at = 8; input.at < module.length; ) {
    const kind = module[input.at++];
    const body = input.body();
    const bytes = kind === wanted ? edit(new Section(Uint8Array.from(body))) : body;
    output.push([kind, ...leb(bytes.length)], bytes);
  }
  return Uint8Array.from(output.flatMap((part) => Array.from(part)));
}
