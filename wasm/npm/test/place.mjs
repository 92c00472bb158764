// Where things are.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const PACKAGE = fileURLToPath(new URL("../", import.meta.url));

/** The bytes of a file of the repository. */
export const read = (path) => new Uint8Array(readFileSync(ROOT + path));

/** A module of the package. */
export const moduleFile = (build) => `${PACKAGE}dist/dunlin_${build}.wasm`;

export const vectors = JSON.parse(readFileSync(`${ROOT}mobile/conformance/vectors.json`, "utf8"));
