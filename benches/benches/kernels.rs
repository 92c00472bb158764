//! Each int8 kernel on shapes of real nets, on every instruction set that the CPU has.
#![allow(missing_docs, reason = "criterion makes a function that has none")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dunlin_benches::layers::{Layer, Product, Sliding};
use dunlin_benches::shapes::{CONVS, DEPTHWISE, PRODUCTS};
use dunlin_kernels::Isa;
use std::time::Duration;

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
