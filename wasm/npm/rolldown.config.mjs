// One script, which finds the modules beside it by their addresses; whoever bundles it sees to it that they are there.
// Short, for pages that load it as it is. A second one, for pages that open a client, stands on the first.
const beside = {
  name: "beside",
  resolveId: (source) => (source.endsWith("/index.js") ? { id: "./index.js", external: true } : null),
};
const client = (input, file) => ({ input, platform: "neutral", plugins: [beside], output: { file, minify: true } });

export default [
  { input: "src/index.ts", platform: "neutral", output: { file: "dist/index.js", minify: true } },
  client("src/client.ts", "dist/client.js"),
  // For tests; it isn't packed.
  client("src/client/internals.ts", "dist/internals.js"),
];
