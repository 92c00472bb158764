// An app that needs the error only.
import { DunlinError } from "dunlin";

document.body.dataset["answer"] = new DunlinError("input", "none").code;
