//! By what operators are carried out.

use super::Op;

/// By what an operator is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// A kernel that is written for each instruction set and picked by shape; all integer arithmetic is of this kind, and sums of
    /// float products with packed weights.
    Kernel,
    /// Loops that the compiler vectorizes, compiled for each width of vectors: all other arithmetic on floats.
    Loops,
    /// Copies of elements, or of runs of them, to other places: no arithmetic, so nothing to be done by an instruction set but
    /// to load and store.
    Moves,
}

impl Implementation {
    /// Of the operator of that name.
    pub fn of(name: &str) -> Self {
        match name {
            "Quantize" | "Dequantize" => Self::Kernel,
            // Finds the range in a loop and ends in the kernel of `Quantize`.
            "DynamicQuantize" => Self::Loops,
            _ if MOVES.contains(&name) => Self::Moves,
            _ if name.starts_with('Q') || name.ends_with("Panels") => Self::Kernel,
            _ => Self::Loops,
        }
    }

    /// `kernel`, `loops` or `moves`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Loops => "loops",
            Self::Moves => "moves",
        }
    }
}

impl Op {
    /// By what it is carried out.
    pub fn implementation(&self) -> Implementation {
        Implementation::of(self.name())
    }
}

/// What moves elements, or gives each another sign or type.
const MOVES: [&str; 18] = [
    "FlipSign",
    "Reshape",
    "Transpose",
    "Slice",
    "Pad",
    "Concat",
    "Gather",
    "GatherElements",
    "GatherNd",
    "ScatterElements",
    "ScatterNd",
    "Expand",
    "Tile",
    "Cast",
    "OneHot",
    "Trilu",
    "SliceLike",
    "Where",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_an_operator() {
        for name in MOVES {
            assert!(Op::NAMES.contains(&name), "{name}");
        }
    }
}
