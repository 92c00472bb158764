// One script, which finds the modules beside it by their addresses; whoever bundles it sees to it that they are there.
// Short, for pages that load it as it is.
export default {
  input: "src/index.ts",
  platform: "neutral",
  output: { file: "dist/index.js", minify: true },
};
