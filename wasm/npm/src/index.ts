/// <reference lib="esnext.disposable" preserve="true" />

export { Classifier } from "./classifier.js";
export type { Classification, ClassifyOptions, Head, InputInfo, Judgement, LoadOptions, RankedClass, StepInfo } from "./classifier.js";
export type { Decision, Grounds, Outcome, Reason, Rule } from "./decision.js";
export { DunlinError } from "./error.js";
export type { DunlinErrorCode } from "./error.js";
export { pixelsOf } from "./picture.js";
export type { Picture, PixelData, Pixels } from "./picture.js";
export type { ModuleSource, Progress, Source } from "./source.js";
