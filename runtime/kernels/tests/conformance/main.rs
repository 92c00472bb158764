//! Every kernel of every instruction set that this CPU has against the reference, on shapes with tails, at the ends
//! of the ranges, and on ties. Every comparison is of bits.

mod elementwise;
mod products;
mod rejects;
mod rng;
mod windows;

/// Where somebody knows which set this CPU's best is, as `./test arm` does of each CPU that it imitates.
#[test]
fn best_set_is_the_expected_one() {
    if let Ok(name) = std::env::var("DUNLIN_EXPECTED_ISA") {
        assert_eq!(dunlin_kernels::Isa::best().to_string(), name);
    }
}

/// Where somebody wants a certain set to be compared, though it need not be the best.
#[test]
fn wanted_set_is_among_those_compared() {
    if let Ok(name) = std::env::var("DUNLIN_WANTED_ISA") {
        let isa: dunlin_kernels::Isa = name.parse().expect("the build and the CPU have the set");
        assert!(dunlin_kernels::Isa::supported().any(|supported| supported == isa));
    }
}
