//! Each int8 kernel on shapes of real nets, on every instruction set that the CPU has.
#![allow(missing_docs, reason = "criterion makes a function that has none")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dunlin_benches::layers::{Layer, Product, Sliding};
use dunlin_kernels::Isa;
use std::time::Duration;

/// Rows, output channels, depth.
const PRODUCTS: &[(&str, [usize; 3])] = &[
    ("mobilenetv2 expand 56x56", [3136, 144, 24]),
    ("mobilenetv2 project 28x28", [784, 32, 192]),
    ("mobilenetv2 expand 14x14", [196, 576, 96]),
    ("mobilenetv2 project 7x7", [49, 320, 960]),
    ("mobilenetv2 classes", [1, 1001, 1280]),
    ("kws pointwise", [125, 64, 64]),
    ("autoencoder", [1, 128, 640]),
    ("minilm query", [128, 384, 384]),
    ("minilm feed forward", [128, 1536, 384]),
];

const CONVS: &[(&str, Sliding)] = &[
    ("mobilenetv2 first", Sliding { image: [224, 224, 3], n: 32, kernel: [3, 3], stride: 2 }),
    ("resnet8 32x32", Sliding { image: [32, 32, 16], n: 16, kernel: [3, 3], stride: 1 }),
    ("resnet8 8x8", Sliding { image: [8, 8, 64], n: 64, kernel: [3, 3], stride: 1 }),
    ("resnet8 shortcut", Sliding { image: [16, 16, 32], n: 64, kernel: [1, 1], stride: 2 }),
    ("kws first", Sliding { image: [49, 10, 1], n: 64, kernel: [10, 4], stride: 2 }),
];

const DEPTHWISE: &[(&str, Sliding)] = &[
    ("mobilenetv2 112x112", Sliding { image: [112, 112, 32], n: 0, kernel: [3, 3], stride: 1 }),
    ("mobilenetv2 112x112 to 56x56", Sliding { image: [112, 112, 96], n: 0, kernel: [3, 3], stride: 2 }),
    ("mobilenetv2 28x28", Sliding { image: [28, 28, 192], n: 0, kernel: [3, 3], stride: 1 }),
    ("mobilenetv2 7x7", Sliding { image: [7, 7, 960], n: 0, kernel: [3, 3], stride: 1 }),
    ("vww 48x48", Sliding { image: [48, 48, 8], n: 0, kernel: [3, 3], stride: 1 }),
    ("kws 25x5", Sliding { image: [25, 5, 64], n: 0, kernel: [3, 3], stride: 1 }),
    ("mobilenetv3 14x14", Sliding { image: [14, 14, 240], n: 0, kernel: [5, 5], stride: 1 }),
];

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product");
    for (name, shape) in PRODUCTS {
        group.throughput(Throughput::Elements(shape.iter().product::<usize>() as u64));
        for isa in Isa::supported() {
            let mut product = Product::new(isa, *shape);
            let id = BenchmarkId::new(*name, product.name());
            group.bench_function(id, |bencher| bencher.iter(|| product.run()));
        }
    }
}

fn sliding(criterion: &mut Criterion, what: &str, cases: &[(&str, Sliding)], make: fn(Isa, Sliding) -> Layer) {
    let mut group = criterion.benchmark_group(what);
    for (name, shape) in cases {
        for isa in Isa::supported() {
            let mut layer = make(isa, *shape);
            let id = BenchmarkId::new(*name, layer.name());
            group.bench_function(id, |bencher| bencher.iter(|| layer.run()));
        }
    }
}

fn convs(criterion: &mut Criterion) {
    sliding(criterion, "convolution", CONVS, Layer::conv);
}

fn depthwise(criterion: &mut Criterion) {
    sliding(criterion, "depthwise", DEPTHWISE, Layer::depthwise);
}

/// Many cases, a second and a half each.
fn quick() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

criterion_group! { name = kernels; config = quick(); targets = products, convs, depthwise }
criterion_main!(kernels);
