import { Classifier } from "dunlin";

addEventListener("message", async ({ data: [model, picture] }) => {
  const classifier = await Classifier.load(model);
  const { classes } = await classifier.classify(await (await fetch(picture)).blob());
  postMessage(classes[0]?.label);
});
