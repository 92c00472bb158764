//! What the user may ask of a model's heads.

use std::path::PathBuf;

/// Of `--head` where a model is compiled: an output's name, and where the names of its classes are.
///
/// # Errors
/// When one of them is empty.
pub fn head(text: &str) -> Result<(String, Option<PathBuf>), String> {
    let (output, labels) = text.split_once('=').map_or((text, None), |(output, path)| (output, Some(path)));
    if output.is_empty() || labels == Some("") {
        return Err("expected OUTPUT or OUTPUT=FILE, such as scene=scenes.txt".to_owned());
    }
    Ok((output.to_owned(), labels.map(PathBuf::from)))
}

/// Which of a model's heads a command is about.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct HeadArgs {
    /// Of a model with several heads: which one the labels are about, by its name or number [default: the first one]
    #[arg(long, value_name = "NAME")]
    pub head: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        assert_eq!(head("scene"), Ok(("scene".to_owned(), None)));
        assert_eq!(head("scene=a=b.txt"), Ok(("scene".to_owned(), Some(PathBuf::from("a=b.txt")))));
        for text in ["", "=", "=a.txt", "scene="] {
            assert!(head(text).is_err(), "{text}");
        }
    }
}
