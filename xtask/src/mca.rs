//! Estimates what the inner loops of the ARM kernels take on cores of phones: `benches/record/aarch64-mca-<date>.md`.
//!
//! The kernels are compiled to assembly. Of all innermost loops of a kernel that make as many products as its largest tile does,
//! the shortest is the one that the tile runs through unless it is cut short; llvm-mca plays it through a model of each core: with all operands in the first-level cache and no branch
//! predicted wrongly.

use crate::{Outcome, workspace};
use dunlin_xtask::says;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A kernel's inner loop.
struct Kernel {
    name: &'static str,
    /// Part of its symbol.
    symbol: &'static str,
    /// Beginnings of the names of instructions that multiply, and how many products each makes.
    multiplies: &'static [(&'static str, u32)],
    /// Products of the largest tile's loop.
    products: u32,
    /// Those of them that aren't of zeros with which windows of 9 taps are filled up.
    macs: u32,
    cores: &'static [usize],
}

/// A core, and the model that stands for it.
struct Core {
    name: &'static str,
    model: &'static str,
}

const CORES: [Core; 5] = [
    Core { name: "Cortex-A53", model: "cortex-a53" },
    Core { name: "Cortex-A55", model: "cortex-a55" },
    Core { name: "Cortex-A76, A78 (as Neoverse N1)", model: "neoverse-n1" },
    Core { name: "Cortex-X1 (as Neoverse V1)", model: "neoverse-v1" },
    Core { name: "Cortex-A710 (as Neoverse N2)", model: "neoverse-n2" },
];

/// Bytes in matrix products, 16 bits in windows.
const BYTES: &[(&str, u32)] = &[("smull", 8), ("smlsl", 8)];
const WORDS: &[(&str, u32)] = &[("smull", 4), ("smlal", 4)];
const DOT: &[(&str, u32)] = &[("sdot", 16), ("usdot", 16), ("sudot", 16), ("usmmla", 32)];

const KERNELS: [Kernel; 6] = [
    Kernel {
        name: "matrix product, neon",
        symbol: "4neon4gemm5TILES",
        multiplies: BYTES,
        products: 256,
        macs: 256,
        cores: &[0, 1, 2],
    },
    Kernel {
        name: "matrix product, neon_dotprod",
        symbol: "12neon_dotprod4gemm5TILES",
        multiplies: DOT,
        products: 1536,
        macs: 1536,
        cores: &[1, 2, 3],
    },
    Kernel {
        name: "matrix product, neon_i8mm",
        symbol: "9neon_i8mm4gemm5TILES",
        multiplies: DOT,
        products: 512,
        macs: 512,
        cores: &[4],
    },
    Kernel {
        name: "depthwise 3x3, neon",
        symbol: "4neon9depthwise8lines3x3",
        multiplies: WORDS,
        products: 576,
        macs: 576,
        cores: &[0, 1, 2],
    },
    Kernel {
        name: "depthwise 3x3, neon_dotprod",
        symbol: "12neon_dotprod9depthwise8lines3x3",
        multiplies: DOT,
        products: 768,
        macs: 576,
        cores: &[1, 2, 3],
    },
    Kernel {
        name: "depthwise 3x3, neon_i8mm",
        symbol: "9neon_i8mm9depthwise8lines3x3",
        multiplies: DOT,
        products: 768,
        macs: 576,
        cores: &[4],
    },
];

/// How often llvm-mca plays a loop.
const ITERATIONS: u32 = 200;

/// Writes the record. Further arguments go to cargo, where Rust's `core` for the target has to be built.
pub fn run() -> Outcome {
    let assembly = fs::read_to_string(assembly()?)?;
    let functions = functions(&assembly);
    let mca = program()?;
    let mut text = preface(&mca)?;
    for kernel in &KERNELS {
        let found = functions.iter().filter(|(name, _)| name.contains(kernel.symbol));
        let loops = found.flat_map(|(_, lines)| innermost_loops(lines));
        let largest = loops.filter(|lines| kernel.made(lines) == kernel.products);
        let lines = largest.min_by_key(Vec::len).ok_or_else(|| {
            format!("no loop of {} makes {} products: has its tile changed?", kernel.symbol, kernel.products)
        })?;
        for &core in kernel.cores {
            writeln!(text, "{}", kernel.row(&CORES[core], &lines, cycles(&mca, &CORES[core], &lines)?))?;
        }
    }
    let path = workspace::root().join(format!("benches/record/aarch64-mca-{}.md", says("date", &["-u", "+%Y-%m-%d"])?));
    fs::write(&path, text)?;
    println!("{}", path.display());
    Ok(())
}

fn preface(mca: &str) -> Result<String, Box<dyn Error>> {
    let version = says(mca, &["--version"])?;
    let version = version.lines().find(|line| line.contains("version")).unwrap_or_default().trim().to_string();
    let rustc = says(&std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()), &["--version"])?;
    Ok(format!(
        "# ARM kernels by llvm-mca, {}\n\n\
         Estimates, not measurements: inner loops of the largest tiles, played through models of cores by llvm-mca ({version}; {rustc}; `cargo xtask mca`).\n\
         Operands are in the first-level cache. A MAC is a product that counts, not one of the zeros that a window of 9 taps is filled up with.\n\
         Depthwise loops make 2 by 2 outputs of 16 channels from loading to storing; the others only the sums.\n\n\
         | kernel | core | instructions | MACs | cycles | MACs a cycle |\n|---|---|---:|---:|---:|---:|\n",
        says("date", &["-u", "+%Y-%m-%d"])?
    ))
}

impl Kernel {
    /// Products that the instructions of these lines make.
    fn made(&self, lines: &[&str]) -> u32 {
        let made = |line: &&str| {
            let name = instruction(line).unwrap_or_default();
            self.multiplies.iter().find(|(start, _)| name.starts_with(start)).map_or(0, |&(_, products)| products)
        };
        lines.iter().map(made).sum()
    }

    fn row(&self, core: &Core, lines: &[&str], cycles: f64) -> String {
        let instructions = lines.iter().filter(|line| instruction(line).is_some()).count();
        let (macs, rate) = (self.macs, f64::from(self.macs) / cycles);
        format!("| {} | {} | {instructions} | {macs} | {cycles:.1} | {rate:.1} |", self.name, core.name)
    }
}

/// Compiles the kernels and says where their assembly lies.
fn assembly() -> Result<PathBuf, Box<dyn Error>> {
    let root = workspace::root();
    let target = root.join("target/mca");
    let output = target.join("kernels.s");
    fs::create_dir_all(&target)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["rustc", "--release", "--package", "dunlin-kernels", "--lib", "--no-default-features"])
        .args(["--target", "aarch64-unknown-linux-gnu", "--target-dir"])
        .arg(&target)
        .args(std::env::args().skip(2))
        .args(["--", "-Ccodegen-units=1", "-Csymbol-mangling-version=v0", "--emit"])
        .arg(format!("asm={}", output.display()))
        .current_dir(root)
        .status()?;
    if status.success() { Ok(output) } else { Err(format!("cargo rustc ended with {status}").into()) }
}

/// The newest llvm-mca that is installed, or the one that `LLVM_MCA` names.
fn program() -> Result<String, Box<dyn Error>> {
    let named = std::env::var("LLVM_MCA").ok();
    let usual = (17..=24).rev().map(|version| format!("llvm-mca-{version}")).chain(["llvm-mca".into()]);
    let mut programs = named.into_iter().chain(usual);
    let works = |program: &String| says(program, &["--version"]).is_ok();
    programs.find(works).ok_or_else(|| "no llvm-mca; Debian's is in the package llvm-19".into())
}

/// The lines of each function of an assembly file.
fn functions(assembly: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut functions = BTreeMap::new();
    let mut current = None;
    for line in assembly.lines() {
        match line.strip_suffix(':') {
            Some(label) if label.starts_with("_R") => current = Some((label, Vec::new())),
            Some(label) if label.starts_with(".Lfunc_end") => functions.extend(current.take()),
            _ => current.iter_mut().for_each(|(_, lines)| lines.push(line)),
        }
    }
    functions
}

/// From a label to the branch back to it, where no other loop lies between.
fn innermost_loops<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let mut labels = BTreeMap::new();
    let mut loops = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(label) = line.strip_suffix(':') {
            labels.insert(label, at);
        }
        let target = line.rsplit([' ', '\t']).next().and_then(|target| labels.get(target));
        let branches =
            instruction(line).is_some_and(|name| name.starts_with('b') || name.contains("bz") || name.contains("bnz"));
        if let (Some(&start), true) = (target, branches) {
            loops.push((start, at));
        }
    }
    let contains =
        |outer: &(usize, usize), inner: &(usize, usize)| outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1;
    let innermost = loops.iter().filter(|outer| !loops.iter().any(|inner| contains(outer, inner)));
    innermost.map(|&(start, end)| lines[start..=end].to_vec()).collect()
}

/// The name of a line's instruction, if it is one.
fn instruction(line: &str) -> Option<&str> {
    let name = line.strip_prefix('\t')?.split_whitespace().next()?;
    name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(name)
}

/// Cycles that a core takes for one turn of a loop.
fn cycles(mca: &str, core: &Core, lines: &[&str]) -> Result<f64, Box<dyn Error>> {
    let mut child = Command::new(mca)
        .args(["-mtriple=aarch64", "-mattr=+dotprod,+i8mm", "--instruction-info=0", "--resource-pressure=0"])
        .args([format!("-mcpu={}", core.model), format!("-iterations={ITERATIONS}")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let instructions: Vec<&str> = lines.iter().copied().filter(|line| instruction(line).is_some()).collect();
    child.stdin.take().ok_or("llvm-mca has no input")?.write_all((instructions.join("\n") + "\n").as_bytes())?;
    let output = child.wait_with_output()?;
    let said = String::from_utf8(output.stdout)?;
    let total = said.lines().find_map(|line| line.strip_prefix("Total Cycles:"));
    let total: f64 = total.ok_or_else(|| format!("{mca} has no figures for {}", core.model))?.trim().parse()?;
    Ok(total / f64::from(ITERATIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSEMBLY: &str = "\
_RNvtile:
\tmov x8, x0
.LBB0_1:
\tldr q0, [x8]
.LBB0_2:
\t//APP
\tsdot v1.4s, v0.16b, v2.4b[1]
\t//NO_APP
\tsubs x9, x9, #1
\tb.ne .LBB0_2
\tcbnz x8, .LBB0_1
\tret
.Lfunc_end0:
";

    #[test]
    fn the_innermost_loop_is_found_and_its_products_counted() {
        let functions = functions(ASSEMBLY);
        let loops = innermost_loops(&functions["_RNvtile"]);
        assert_eq!(loops.len(), 1);
        assert_eq!(loops[0].iter().filter_map(|line| instruction(line)).collect::<Vec<_>>(), ["sdot", "subs", "b.ne"]);
        assert_eq!(KERNELS[1].made(&loops[0]), 16);
    }

    #[test]
    fn a_row_says_how_many_products_count() {
        let row = KERNELS[4].row(&CORES[1], &["\tsdot v1.4s, v0.16b, v2.16b", "\tret"], 2.0);
        assert_eq!(row, "| depthwise 3x3, neon_dotprod | Cortex-A55 | 2 | 576 | 2.0 | 288.0 |");
    }
}
