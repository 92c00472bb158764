//! The commands that README.md shows: blocks that begin with ` ```sh test` are run from the repository's root.

use crate::{Outcome, workspace};
use std::process::Command;
use std::time::Instant;

/// Runs each marked block in a shell of its own; stops at the first that fails.
pub fn run() -> Outcome {
    let document = std::fs::read_to_string(workspace::root().join("README.md"))?;
    let blocks = blocks(&document);
    if blocks.is_empty() {
        return Err("README.md has no block that begins with ```sh test".into());
    }
    for block in &blocks {
        println!("--- README.md\n{}", block.trim_end());
        let start = Instant::now();
        let status =
            Command::new("bash").args(["-euo", "pipefail", "-c", block]).current_dir(workspace::root()).status()?;
        if !status.success() {
            return Err(format!("this block of README.md fails ({status}):\n{block}").into());
        }
        println!("--- {:.1} s", start.elapsed().as_secs_f32());
    }
    println!("{} blocks of README.md work", blocks.len());
    Ok(())
}

fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if line.trim() == MARK {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.map(|line| format!("{line}\n")).collect());
        }
    }
    blocks
}

const MARK: &str = "```sh test";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_marked_blocks_only() {
        let document = "a\n```sh\nfalse\n```\n```sh test\none\ntwo\n```\n```sh test\nthree\n```\n";
        assert_eq!(blocks(document), ["one\ntwo\n", "three\n"]);
    }
}
