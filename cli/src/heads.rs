//! Which of a model's heads is meant, and what it is called.

use std::path::Path;

use dunlin_engine::Classifier;
use dunlin_engine::artifact::Policy;
use dunlin_engine::classifier::Head;
use dunlin_native::ModelFile;

use crate::error::CliError;

/// The number of the head that the user names, of the first one where nobody names one.
///
/// # Errors
/// [`CliError::Head`] when there is no such head, [`CliError::Model`] when the names are malformed.
pub fn number(classifier: &Classifier<ModelFile>, model: &Path, wanted: Option<&str>) -> Result<usize, CliError> {
    let Some(wanted) = wanted else { return Ok(0) };
    let names: Vec<String> = all(classifier).map(|head| name(&head, model)).collect::<Result<_, _>>()?;
    let number = || wanted.parse().ok().filter(|&number| number < names.len());
    let found = names.iter().position(|name| name == wanted).or_else(number);
    found.ok_or_else(|| CliError::Head { path: model.to_owned(), name: wanted.to_owned(), heads: names })
}

/// All heads, the first one first.
pub fn all(classifier: &Classifier<ModelFile>) -> impl Iterator<Item = Head<'_>> {
    (0..classifier.heads()).map_while(|head| classifier.head(head))
}

/// The head of a number that there is.
pub fn head(classifier: &Classifier<ModelFile>, number: usize) -> Head<'_> {
    classifier.head(number).expect("the number is one of a head")
}

/// What a head is called.
///
/// # Errors
/// [`CliError::Model`] when the names are malformed.
pub fn name(head: &Head<'_>, model: &Path) -> Result<String, CliError> {
    head.name().map(str::to_owned).map_err(|error| CliError::artifact(model, error))
}

/// The names of a head's classes in a locale, in the default one without.
///
/// # Errors
/// [`CliError::Model`] when they are malformed.
pub fn labels(head: &Head<'_>, model: &Path, locale: Option<&str>) -> Result<Vec<String>, CliError> {
    let labels = head.labels().map_err(|error| CliError::artifact(model, error))?;
    Ok(labels.in_locale(locale.unwrap_or_default()).map(str::to_owned).collect())
}

/// A head's calibration and thresholds.
///
/// # Errors
/// [`CliError::Model`] when they are malformed.
pub fn policy<'a>(head: &Head<'a>, model: &Path) -> Result<Policy<'a>, CliError> {
    head.policy().map_err(|error| CliError::artifact(model, error))
}
