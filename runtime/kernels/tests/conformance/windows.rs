//! Pools.

use dunlin_kernels::{AvgPool, AvgPoolParams, Isa, MaxPool, Taps};

use crate::rng::{Rng, Window, fast};

fn check_pools(seed: u64, window: Window) {
    let rng = &mut Rng::new(seed);
    let image = rng.activations(window.bytes());
    let (rows, cols) = (window.rows(), window.cols());
    let taps = Taps::new(&rows, &cols, window.shape(), window.bytes()).expect("offsets lie inside");
    let scale = rng.scales(taps.points());
    let (lo, hi) = rng.clamp();
    let params = AvgPoolParams { a_zero: rng.byte(), zero: rng.byte(), lo, hi };
    let run = |isa: Isa| {
        let mut out = [vec![0; taps.points() * window.channels], vec![0; taps.points() * window.channels]];
        AvgPool::select(isa).run(params, &image, &taps, &scale, &mut out[0]).expect("the shapes fit");
        MaxPool::select(isa).run(&image, &taps, &mut out[1]).expect("the shapes fit");
        out
    };
    let expected = run(Isa::REFERENCE);
    for isa in fast() {
        let [avg, max] = run(isa);
        assert!(avg == expected[0], "{}: {window:?}, seed {seed}", AvgPool::select(isa).name());
        assert!(max == expected[1], "{}: {window:?}, seed {seed}", MaxPool::select(isa).name());
    }
}

#[test]
fn pools_equal_the_reference() {
    for seed in 0..200 {
        let rng = &mut Rng::new(seed);
        let channels = rng.within(1, 70);
        check_pools(seed, Window::random(rng, channels, 4));
    }
}

#[test]
fn global_pools_equal_the_reference() {
    for seed in 0..30 {
        let rng = &mut Rng::new(seed);
        let image = [rng.within(1, 9), rng.within(1, 9)];
        let channels = rng.within(1, 70);
        let window =
            Window { image, channels, groups: 1, kernel: image, stride: [1, 1], dilation: [1, 1], pad: [0, 0] };
        check_pools(seed, window);
    }
}
