//! Which classes may be shown and answered.

use crate::args::ListArgs;
use crate::error::CliError;

/// What the user asked for; `None` is what the policy says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    /// The only classes that are permitted; all where the list is empty.
    pub allow: Option<Vec<u32>>,
    /// Classes that aren't.
    pub deny: Option<Vec<u32>>,
    /// The least probability.
    pub score_threshold: Option<f32>,
}

impl Lists {
    /// Finds the classes by label or number.
    ///
    /// # Errors
    /// [`CliError::Class`].
    pub fn new(args: &ListArgs, labels: &[String], classes: usize) -> Result<Self, CliError> {
        let class = |name: &String| {
            let fault = || CliError::Class { name: name.clone(), classes };
            crate::dataset::class_of(name, labels, classes).map(|class| class as u32).ok_or_else(fault)
        };
        let list = |names: &[String]| {
            let list: Result<Vec<u32>, _> = names.iter().map(class).collect();
            list.map(|list| Some(list).filter(|list| !list.is_empty()))
        };
        Ok(Self { allow: list(&args.allow)?, deny: list(&args.deny)?, score_threshold: args.score_threshold })
    }

    /// Whether the lists permit a class.
    pub fn permits(&self, class: u32) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.contains(&class))
            && !self.deny.as_ref().is_some_and(|deny| deny.contains(&class))
    }
}
