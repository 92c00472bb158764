//! The model of this repository on every instruction set that the CPU has.

use dunlin_engine::model::Limits;
use dunlin_engine::{AlignedBytes, Artifact, Isa, Session};
use std::error::Error;
use std::path::Path;

#[test]
fn shipped_model_gives_its_golden_outputs_on_every_instruction_set() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/cifar10/cifar10.dunlin");
    let file = AlignedBytes::from_slice(&std::fs::read(path)?);
    let golden = Artifact::parse(&file)?.golden()?;
    assert!(!golden.is_empty());
    for isa in Isa::supported() {
        let mut session = Session::load(&file[..], isa, Limits::default())?;
        for golden in &golden {
            assert!(session.is_golden(golden)?, "seed {} on {isa}", golden.seed);
        }
    }
    Ok(())
}
