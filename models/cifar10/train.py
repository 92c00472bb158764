#!/usr/bin/env python3
"""Train the CIFAR-10 classifier of this folder and export it to ONNX.

Data
----
CIFAR-10 by Alex Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html.
This script reads it as class folders of picture files (PNG or JPEG):

    DATA/train/airplane/0000.jpg ...   5,000 pictures per class
    DATA/test/airplane/0000.jpg  ...   1,000 pictures per class

The two parts may also be tar files, DATA/train.tar, .tar.gz or .tar.zst, with
the same paths inside. The network we ship was trained on JPEG copies, so its
figures are for JPEG copies; no picture of CIFAR-10 is in this repository.

Use
---
    pip install -r requirements.txt
    python train.py --data DATA --work WORK --output cifar10.onnx

WORK receives the log, a checkpoint after every epoch (a run that was cut off
goes on from there with --resume) and the decoded pictures. 2,000 training
pictures (200 per class) are held out for choices; the test pictures are
looked at once, after the last epoch.

The recipe: a 12-convolution residual network, SGD with Nesterov momentum, a
one-cycle learning rate, label smoothing, an average of the weights over the
last steps, and flips, shifts, zooms, colour changes and cut-outs made for a
whole batch at a time. It is meant for a CPU: convolutions run in bfloat16
where the processor has instructions for it (--precision float32 otherwise).
"""

import argparse
import copy
import io
import json
import math
import pathlib
import tarfile
import time

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

LABELS = ["airplane", "automobile", "bird", "cat", "deer",
          "dog", "frog", "horse", "ship", "truck"]
MEAN = (0.4914, 0.4822, 0.4465)  # of RGB / 255, over the training pictures
STD = (0.2470, 0.2435, 0.2616)
HELD_OUT_PER_CLASS = 200


# --- data -------------------------------------------------------------------

def picture_files(data, part):
    """Yield (path, bytes) of every picture of `part`, from a folder or a tar."""
    folder = data / part
    if folder.is_dir():
        for path in sorted(folder.glob("*/*")):
            yield path.as_posix(), path.read_bytes()
        return
    for suffix in (".tar", ".tar.gz", ".tar.zst"):
        archive = data / (part + suffix)
        if archive.exists():
            yield from tar_members(archive)
            return
    raise SystemExit(f"no folder {folder} and no {folder}.tar, .tar.gz or .tar.zst")


def tar_members(archive):
    """Yield (path, bytes) of every file in a tar, in the order of the paths."""
    if archive.suffix == ".zst":
        import zstandard
        with open(archive, "rb") as packed:
            plain = zstandard.ZstdDecompressor().stream_reader(packed).read()
        tar = tarfile.open(fileobj=io.BytesIO(plain))
    else:
        tar = tarfile.open(archive)
    with tar:
        files = [member for member in tar.getmembers() if member.isfile()]
        for member in sorted(files, key=lambda member: member.name):
            yield member.name, tar.extractfile(member).read()


def load_part(data, part, cache):
    """Return (pixels uint8 [n,32,32,3], labels int64 [n]) of "train" or "test"."""
    stored = cache / f"{part}-pixels.npz"
    if stored.exists():
        arrays = np.load(stored)
        return torch.from_numpy(arrays["pixels"]), torch.from_numpy(arrays["labels"])
    pixels, labels = [], []
    for path, content in picture_files(data, part):
        picture = Image.open(io.BytesIO(content)).convert("RGB")
        if picture.size != (32, 32):
            raise SystemExit(f"{path}: {picture.size}, expected 32x32")
        pixels.append(np.asarray(picture))
        labels.append(LABELS.index(path.split("/")[-2]))
    pixels, labels = np.stack(pixels), np.array(labels, np.int64)
    np.savez(stored, pixels=pixels, labels=labels)
    return torch.from_numpy(pixels), torch.from_numpy(labels)


def hold_out(labels, per_class, seed):
    """Split the indices of the training pictures: (to train on, held out)."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    held = torch.cat([order[labels[order] == label][:per_class]
                      for label in range(len(LABELS))])
    kept = torch.ones(len(labels), dtype=torch.bool)
    kept[held] = False
    return kept.nonzero().flatten(), held


# --- preprocessing and augmentation -----------------------------------------

def to_float(pixels):
    """uint8 NHWC pixels to float NCHW in 0..1 (channels last in memory)."""
    return pixels.permute(0, 3, 1, 2).float() / 255


def normalize(pictures):
    """What the network wants to see: (x - mean) / std per channel."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (pictures - mean) / std


def between(low, high, *shape):
    return low + (high - low) * torch.rand(*shape)


def move(pictures):
    """Flip half the pictures and shift all by up to 4 pixels; zoom half of them.

    A shift alone is by whole pixels, so it does not blur. A zoom shows 65 to
    115 % of the picture's width, with up to 15 % of stretching, so that
    photographs framed more tightly than CIFAR-10's are also recognised.
    """
    n = len(pictures)
    zoomed = (torch.rand(n) < 0.5).float()
    scale = torch.exp(zoomed * between(math.log(0.65), math.log(1.15), n))
    stretch = torch.exp(zoomed * between(-0.15, 0.15, n))
    flip = 1 - 2 * (torch.rand(n) < 0.5).float()
    shift = torch.randint(-4, 5, (n, 2)).float() / 16
    affine = torch.zeros(n, 2, 3)
    affine[:, 0, 0] = scale * stretch * flip
    affine[:, 1, 1] = scale / stretch
    affine[:, :, 2] = shift
    grid = F.affine_grid(affine, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def recolour(pictures):
    """Vary saturation, contrast and brightness; make 5 % of the pictures grey."""
    n = len(pictures)
    grey = pictures.mean(1, keepdim=True)
    saturation = between(0.7, 1.3, n, 1, 1, 1) * (torch.rand(n, 1, 1, 1) >= 0.05)
    pictures = torch.lerp(grey.expand_as(pictures), pictures, saturation)
    contrast = between(0.8, 1.2, n, 1, 1, 1)
    brightness = between(-0.1, 0.1, n, 1, 1, 1)
    return ((pictures - 0.5) * contrast + 0.5 + brightness).clamp_(0, 1)


def cut_out(pictures, size=8):
    """Blank a square in half of the (normalized) pictures."""
    n, _, height, width = pictures.shape
    top = torch.randint(0, height - size + 1, (n, 1, 1, 1))
    left = torch.randint(0, width - size + 1, (n, 1, 1, 1))
    top = torch.where(torch.rand(n, 1, 1, 1) < 0.5, top, height)  # none: below the picture
    rows = torch.arange(height).view(1, 1, -1, 1)
    columns = torch.arange(width).view(1, 1, 1, -1)
    inside = ((rows >= top) & (rows < top + size)
              & (columns >= left) & (columns < left + size))
    return pictures.masked_fill(inside, 0.0)


def augment(pixels):
    return cut_out(normalize(recolour(move(to_float(pixels)))))


# --- the network --------------------------------------------------------------

class ConvNorm(nn.Module):
    """3x3 convolution and batch normalization, no activation."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return self.norm(self.conv(x))

    def folded(self):
        """Weight and bias of the one convolution that does the work of both."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor.view(-1, 1, 1, 1)
        return weight, self.norm.bias - self.norm.running_mean * factor


class Block(nn.Module):
    """Residual block: x + conv(relu(conv(x))), then ReLU."""

    def __init__(self, channels):
        super().__init__()
        self.first = ConvNorm(channels, channels)
        self.second = ConvNorm(channels, channels)

    def forward(self, x):
        return F.relu(x + self.second(F.relu(self.first(x))))


class Classifier(nn.Module):
    """Convolutions with stride 2 between stages, two residual blocks in two stages."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleDict({
            "stem": ConvNorm(3, 16),              # 32x32
            "down1": ConvNorm(16, 32, stride=2),  # 16x16
            "block1a": Block(32),
            "block1b": Block(32),
            "down2": ConvNorm(32, 64, stride=2),  # 8x8
            "block2a": Block(64),
            "block2b": Block(64),
            "down3": ConvNorm(64, 96, stride=2),  # 4x4
        })
        self.head = nn.Linear(96, len(LABELS))

    def forward(self, x):
        for part in self.body.values():
            x = part(x) if isinstance(part, Block) else F.relu(part(x))
        return self.head(x.mean((2, 3)))


# --- training -----------------------------------------------------------------

def learning_rate(progress, peak, warm_up=0.15):
    """One cycle: up in a straight line, then down to 0 along a cosine."""
    if progress < warm_up:
        return peak * (0.05 + 0.95 * progress / warm_up)
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


def make_optimizer(model, weight_decay):
    """SGD; no weight decay on biases and normalization parameters."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.SGD([{"params": matrices, "weight_decay": weight_decay},
                            {"params": vectors, "weight_decay": 0.0}],
                           lr=0.1, momentum=0.9, nesterov=True)


@torch.no_grad()
def update_average(average, model, decay):
    """Move the averaged model (running statistics too) a little towards `model`."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values()):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


@torch.no_grad()
def predict(model, pixels, batch=500):
    model.eval()
    return torch.cat([model(normalize(to_float(part))) for part in pixels.split(batch)])


def accuracy(logits, labels):
    return (logits.argmax(1) == labels).float().mean().item()


def train_epoch(model, average, optimizer, pixels, labels, epoch, args):
    """One pass over the training pictures; returns the mean loss."""
    model.train()
    batches = torch.randperm(len(labels)).split(args.batch)[:len(labels) // args.batch]
    total = 0.0
    for step, chosen in enumerate(batches):
        progress = (epoch + step / len(batches)) / args.epochs
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(progress, args.lr)
        pictures = augment(pixels[chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=args.precision == "bfloat16"):
            logits = model(pictures)
        loss = F.cross_entropy(logits.float(), labels[chosen], label_smoothing=args.smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # A young average follows quickly, an old one slowly.
        seen = epoch * len(batches) + step
        update_average(average, model, min(args.average, (1 + seen) / (10 + seen)))
        total += loss.item()
    return total / len(batches)


def save_checkpoint(path, epoch, model, average, optimizer, seconds):
    part = path.with_suffix(".part")
    torch.save({"epoch": epoch, "model": model.state_dict(), "average": average.state_dict(),
                "optimizer": optimizer.state_dict(), "random": torch.get_rng_state(),
                "seconds": seconds}, part)
    part.replace(path)


def fit(model, average, train, held, args):
    """Train `model` and its average; returns the seconds it took."""
    optimizer = make_optimizer(model, args.decay)
    checkpoint = args.work / "checkpoint.pt"
    first, seconds = 0, 0.0
    if args.resume and checkpoint.exists():
        state = torch.load(checkpoint)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        first, seconds = state["epoch"] + 1, state["seconds"]
    for epoch in range(first, args.epochs):
        start = time.monotonic()
        loss = train_epoch(model, average, optimizer, *train, epoch, args)
        trained = time.monotonic() - start
        score = accuracy(predict(average, held[0]), held[1])
        seconds += time.monotonic() - start
        save_checkpoint(checkpoint, epoch, model, average, optimizer, seconds)
        line = (f"epoch {epoch + 1}/{args.epochs}  loss {loss:.4f}  "
                f"held-out {100 * score:.2f} %  {trained:.1f} s, {seconds:.0f} s in all")
        print(line, flush=True)
        with open(args.work / "log.txt", "a") as log:
            log.write(line + "\n")
    return seconds


# --- export -------------------------------------------------------------------

class GraphWriter:
    """Collects ONNX nodes and weights; each method returns its output's name."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, name, tensor):
        array = np.ascontiguousarray(tensor.detach().float().numpy())
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind, inputs, name, output=None, **attributes):
        output = output or name
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def conv(self, x, part, name):
        weight, bias = part.folded()
        names = [x, self.weight(name + ".weight", weight), self.weight(name + ".bias", bias)]
        return self.node("Conv", names, name + ".conv", kernel_shape=[3, 3],
                         strides=list(part.conv.stride), pads=[1, 1, 1, 1],
                         dilations=[1, 1], group=1)

    def block(self, x, part, name):
        y = self.node("Relu", [self.conv(x, part.first, name + ".first")], name + ".first.relu")
        y = self.conv(y, part.second, name + ".second")
        y = self.node("Add", [x, y], name + ".add")
        return self.node("Relu", [y], name + ".relu")


@torch.no_grad()
def export(model, path):
    """Write the network, batch normalization folded, as ONNX (opset 17)."""
    graph, x = GraphWriter(), "input"
    for name, part in model.body.items():
        if isinstance(part, Block):
            x = graph.block(x, part, name)
        else:
            x = graph.node("Relu", [graph.conv(x, part, name)], name + ".relu")
    x = graph.node("GlobalAveragePool", [x], "pool")
    x = graph.node("Flatten", [x], "flatten", axis=1)
    graph.node("Gemm", [x, graph.weight("head.weight", model.head.weight),
                        graph.weight("head.bias", model.head.bias)],
               "head", output="logits", alpha=1.0, beta=1.0, transB=1)
    onnx_model = helper.make_model(
        helper.make_graph(
            graph.nodes, "cifar10",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, len(LABELS)])],
            graph.weights),
        opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
        producer_name="dunlin models/cifar10/train.py")
    onnx_model = onnx.shape_inference.infer_shapes(onnx_model, strict_mode=True)
    onnx.checker.check_model(onnx_model, full_check=True)
    onnx.save(onnx_model, path)


def run_onnx(path, pixels):
    """Logits of the exported network, picture by picture, by ONNX Runtime."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pictures = normalize(to_float(pixels)).contiguous().numpy()
    return torch.from_numpy(np.concatenate(
        [session.run(["logits"], {"input": pictures[i:i + 1]})[0]
         for i in range(len(pictures))]))


def count(path):
    """(multiply-accumulates, parameters) of an exported network."""
    graph = onnx.load(path).graph
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in [*graph.value_info, *graph.output]}
    sizes = {w.name: list(w.dims) for w in graph.initializer}
    macs = 0
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):  # output positions x weights
            positions = math.prod(shapes[node.output[0]][2:])
            macs += positions * math.prod(sizes[node.input[1]])
    return macs, sum(math.prod(size) for size in sizes.values())


def report(path, model, test, held, seconds, args):
    """Check the exported file against the trained network; measure on the test set."""
    pixels, labels = test
    logits = run_onnx(path, pixels)
    difference = (logits - predict(model, pixels)).abs().max().item()
    if difference > 1e-3:
        raise SystemExit(f"ONNX Runtime and PyTorch differ by {difference}")
    macs, parameters = count(path)
    right = logits.argmax(1) == labels
    return {
        "test_accuracy": accuracy(logits, labels),
        "test_accuracy_per_class": {
            name: round(right[labels == label].float().mean().item(), 4)
            for label, name in enumerate(LABELS)},
        "held_out_accuracy": accuracy(predict(model, held[0]), held[1]),
        "onnx_difference": difference, "macs": macs, "parameters": parameters,
        "file_bytes": path.stat().st_size, "training_seconds": round(seconds),
        "epochs": args.epochs, "seed": args.seed, "precision": args.precision,
    }


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Train the CIFAR-10 classifier and export it to ONNX.",
        epilog="The data's layout is described at the top of this file.")
    add = parser.add_argument
    add("--data", type=pathlib.Path, required=True, help="folder with train and test")
    add("--work", type=pathlib.Path, required=True, help="folder for checkpoints and the log")
    add("--output", type=pathlib.Path, required=True, help="the .onnx file to write")
    add("--epochs", type=int, default=60, help="passes over the pictures (default: 60)")
    add("--batch", type=int, default=256, help="pictures per step (default: 256)")
    add("--lr", type=float, default=0.3, help="highest learning rate (default: 0.3)")
    add("--decay", type=float, default=5e-4, help="weight decay (default: 5e-4)")
    add("--smoothing", type=float, default=0.05, help="label smoothing (default: 0.05)")
    add("--average", type=float, default=0.998,
        help="how slowly the average of the weights follows (default: 0.998)")
    add("--precision", choices=["bfloat16", "float32"], default="bfloat16",
        help="of the convolutions in training (default: bfloat16)")
    add("--seed", type=int, default=1, help="of everything random (default: 1)")
    add("--threads", type=int, default=2, help="processor cores to use (default: 2)")
    add("--resume", action="store_true", help="go on from the checkpoint in --work")
    return parser.parse_args()


def main():
    args = parse_arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    pixels, labels = load_part(args.data, "train", args.work)
    kept, chosen = hold_out(labels, HELD_OUT_PER_CLASS, args.seed)
    train, held = (pixels[kept], labels[kept]), (pixels[chosen], labels[chosen])
    model = Classifier().to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).requires_grad_(False)
    seconds = fit(model, average, train, held, args)
    export(average.eval(), args.output)
    figures = report(args.output, average, load_part(args.data, "test", args.work),
                     held, seconds, args)
    text = json.dumps(figures, indent=2)
    (args.work / "figures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
