//! The model of this repository in a build that has its operators, or leaves some of them out.

use dunlin_engine::error::InferError;
use dunlin_engine::model::Limits;
use dunlin_engine::{AlignedBytes, Artifact, Family, Isa, ModelError, Session};
use std::error::Error;
use std::path::Path;

/// What `dunlin inspect models/cifar10/cifar10.dunlin` prints.
const FEATURES: [&str; 4] = ["int8-conv", "int8-product", "int8-elementwise", "int8-pool"];

fn is_built(feature: &str) -> bool {
    Family::ALL.iter().any(|family| family.feature() == Some(feature) && family.is_built())
}

#[test]
fn a_build_runs_the_model_or_names_the_feature_that_it_lacks() -> Result<(), Box<dyn Error>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/cifar10/cifar10.dunlin");
    let file = AlignedBytes::from_slice(&std::fs::read(path)?);
    match Session::load(&file[..], Isa::best(), Limits::default()) {
        Ok(mut session) => {
            assert!(FEATURES.into_iter().all(is_built));
            let needed: Vec<&str> = Family::of(session.plan().model()).filter_map(Family::feature).collect();
            assert_eq!(needed, FEATURES);
            for golden in Artifact::parse(&file)?.golden()? {
                assert!(session.is_golden(&golden)?, "seed {}", golden.seed);
            }
        }
        Err(ModelError::Infer { error: error @ InferError::LeftOut { op, feature }, .. }) => {
            assert!(FEATURES.contains(&feature) && !is_built(feature), "{op} {feature}");
            let message = error.to_string();
            assert!(message.contains(op) && message.contains(feature), "{message}");
        }
        Err(other) => return Err(other.into()),
    }
    Ok(())
}
