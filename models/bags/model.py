"""A bag of n-grams: the mean of the rows that ids pick from a table, and maybe a product.

Without a product a row has a column for each class and the mean plus a bias is
the logits: a linear classifier. With one, rows are shorter, and the table has
fewer bytes for many classes. The table is int8 in the ONNX file, with a scale for
each column, so that what is tested here is what a device computes.

Each row has one more column that no training touches: the logarithm of one more
than how often its id was in the training texts. Its mean, times USUAL, is added to
all logits. No probability changes by it, for softmax doesn't see what all logits have
in common, but the energy then tells how usual a text's n-grams are, and so whether
the model knows such texts at all.
"""

import json
import math
import time

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from torch import nn

GAIN = 10  # of the mean, so that small weights are enough; part of the scales in the end

USUAL = 5  # what the mean of the logarithms of counts is multiplied by


class Bag(nn.Module):
    def __init__(self, rows, width, classes):
        super().__init__()
        self.table = nn.EmbeddingBag(rows, width, mode="mean")
        self.head = nn.Linear(width, classes) if width != classes else None
        self.bias = nn.Parameter(torch.zeros(classes)) if self.head is None else None
        self.register_buffer("usual", torch.zeros(rows))
        if self.head is None:
            nn.init.zeros_(self.table.weight)  # what was never seen says nothing
        else:
            nn.init.uniform_(self.table.weight, -0.1, 0.1)

    def forward(self, ids, offsets):
        mean = GAIN * self.table(ids, offsets)
        logits = mean + self.bias if self.head is None else self.head(mean)
        if self.training:
            return logits
        return logits + USUAL * F.embedding_bag(ids, self.usual[:, None], offsets, mode="mean")


def batch_of(bags, chosen, rng=None, keep=1.0, crop=0.0):
    """Ids and offsets of some bags. In training (with `rng`) a share `crop` of the bags is cut to a
    run of neighbouring ids, as of a shorter text, and ids are kept with probability `keep`."""
    parts = []
    for i in chosen:
        ids = bags[i]
        if rng is not None and rng.random() < crop:
            count = max(10, int(len(ids) * rng.random()))
            start = rng.integers(0, max(1, len(ids) - count + 1))
            ids = ids[start:start + count]
        if rng is not None and keep < 1:
            ids = ids[rng.random(len(ids)) < keep]
        parts.append(ids)
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in parts])[:-1]])
    return torch.from_numpy(np.concatenate(parts)), torch.from_numpy(offsets)


def fit(bags, labels, rows, width, classes, options):
    """Train on all bags; returns the model and the seconds it took."""
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    model = Bag(rows, width, classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=options.lr, betas=(0.9, 0.99))
    labels, start = torch.from_numpy(labels), time.monotonic()
    steps, step = options.epochs * math.ceil(len(bags) / options.batch), 0
    for epoch in range(options.epochs):
        order, total = rng.permutation(len(bags)), 0.0
        for at in range(0, len(order), options.batch):
            chosen = order[at:at + options.batch]
            for group in optimizer.param_groups:
                group["lr"] = options.lr * min(1, (step + 1) / 100) * (1 - step / steps)
            step += 1
            logits = model(*batch_of(bags, chosen, rng, options.keep, options.crop))
            loss = F.cross_entropy(logits, labels[chosen], label_smoothing=options.smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
        seconds = time.monotonic() - start
        print(f"epoch {epoch + 1}/{options.epochs}  loss {total / len(order):.4f}  {seconds:.0f} s", flush=True)
    counts = np.bincount(bags.ids, minlength=rows)
    model.usual = torch.from_numpy(np.log1p(counts).astype(np.float32))
    return model.eval(), time.monotonic() - start


@torch.no_grad()
def logits_of(model, bags):
    """Of all bags, by the network as it was trained."""
    rows = range(len(bags))
    return torch.cat([model(*batch_of(bags, rows[i:i + 1000])) for i in range(0, len(bags), 1000)]).numpy()


def quantize(columns):
    """Int8 and a scale for each column, symmetric."""
    scale = np.abs(columns).max(0) / 127
    scale[scale == 0] = 1
    return np.clip(np.rint(columns / scale), -127, 127).astype(np.int8), scale


@torch.no_grad()
def product(model):
    """Weights and bias of what makes logits of the means of all columns."""
    weights, bias = (np.eye(len(model.bias)), model.bias) if model.head is None else (model.head.weight.numpy(), model.head.bias)
    columns = [weights, np.full((len(weights), 1), USUAL)]
    return np.concatenate(columns, 1).astype(np.float32), bias.numpy()


@torch.no_grad()
def export(model, path, name, max_ids):
    """Write the model as ONNX (opset 17): table in int8, symmetric, one scale for each column."""
    quanta, scale = quantize(np.concatenate([GAIN * model.table.weight.numpy(), model.usual.numpy()[:, None]], 1))
    weights, bias = product(model)
    constants = [numpy_helper.from_array(quanta, "table"),
                 numpy_helper.from_array(scale.astype(np.float32), "table.scale"),
                 numpy_helper.from_array(np.zeros(len(scale), np.int8), "table.zero"),
                 numpy_helper.from_array(weights, "head.weight"), numpy_helper.from_array(bias, "head.bias")]
    nodes = [helper.make_node("DequantizeLinear", ["table", "table.scale", "table.zero"], ["rows"], "dequantize", axis=1),
             helper.make_node("Gather", ["rows", "ids"], ["picked"], "gather", axis=0),
             helper.make_node("ReduceMean", ["picked"], ["mean"], "bag", axes=[0], keepdims=1),
             helper.make_node("Gemm", ["mean", "head.weight", "head.bias"], ["logits"], "head", transB=1)]
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["count"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(bias)])], constants)
    exported = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                                 producer_name=f"dunlin models/{name}/train.py")
    exported.metadata_props.add(key="max_ids", value=str(max_ids))
    onnx.checker.check_model(exported, full_check=True)
    onnx.save(exported, path)


def run_int8(path, bags):
    """Logits of the exported model, with the sums of a device: exact ones of bytes, then float32."""
    weights = {w.name: numpy_helper.to_array(w) for w in onnx.load(path).graph.initializer}
    means = np.zeros((len(bags), weights["table"].shape[1]), np.float32)
    for i in range(len(bags)):
        sums = weights["table"][bags[i]].sum(0, dtype=np.int32)
        means[i] = sums.astype(np.float32) * weights["table.scale"] / np.float32(max(len(bags[i]), 1))
    return means @ weights["head.weight"].T + weights["head.bias"]


def check(path, bags, logits, count=100):
    """That ONNX Runtime says the same of the exported model, on the first texts that have ids."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    chosen = [i for i in range(len(bags)) if len(bags[i])][:count]
    found = np.concatenate([session.run(["logits"], {"ids": bags[i]})[0] for i in chosen])
    if np.abs(found - logits[chosen]).max() > 1e-3:
        raise SystemExit("ONNX Runtime computes other logits")


def add_options(parser, **defaults):
    add = parser.add_argument
    add("--dunlin", default="target/release/dunlin", help="the dunlin command, which makes the ids")
    add("--epochs", type=int, default=defaults["epochs"], help="passes over the texts")
    add("--batch", type=int, default=defaults["batch"], help="texts a step")
    add("--lr", type=float, default=defaults["lr"], help="highest learning rate")
    add("--keep", type=float, default=defaults["keep"], help="share of a text's ids that a step sees")
    add("--crop", type=float, default=defaults["crop"], help="share of texts that are cut in training")
    add("--smoothing", type=float, default=defaults["smoothing"], help="label smoothing")
    add("--seed", type=int, default=1, help="of everything random, the split among it")
    add("--threads", type=int, default=1, help="processor cores to use")


def report(args, figures, **trained):
    """Keeps and prints a recipe's figures, with what it learned from and what it wrote."""
    figures |= trained | {"seed": args.seed, "file_bytes": args.output.stat().st_size}
    text = json.dumps(figures, indent=2)
    (args.work / "figures.json").write_text(text + "\n")
    print(text)


def spec_of(path):
    """What the recipe's spec.json says: rows of the table and the most ids."""
    spec = json.loads(path.read_text())
    return spec["ngrams"]["buckets"], spec["max_ids"]
