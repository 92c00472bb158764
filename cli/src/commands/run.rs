//! `dunlin run`: arrays in, arrays out.

use std::fs::File;
use std::io::{BufReader, Cursor, Write};
use std::path::Path;
use std::process::ExitCode;

use dunlin_compiler::npz::{Array, NpyType, Npz, NpzWriter};
use dunlin_engine::Session;
use dunlin_engine::artifact::Names;
use dunlin_engine::exec::View;
use dunlin_engine::tensor::DType;

use crate::args::RunArgs;
use crate::dataset::open_npz;
use crate::error::CliError;
use crate::model::Source;
use crate::output;
use crate::tensors::{self, Batch, Input};

/// Runs each row of the batch by itself and writes all outputs.
pub fn run(args: &RunArgs, _: &mut dyn Write) -> Result<ExitCode, CliError> {
    let source = Source::open(&args.model)?;
    let mut session = source.session(args.threads)?;
    let artifact = source.artifact()?;
    let mut npz = open_npz(&args.input)?;
    let names = artifact.names().map_err(|error| CliError::artifact(&args.model, error))?;
    vary(&mut session, &names, &args.input, &mut npz)?;
    let inputs = Input::all(&mut session).map_err(|error| CliError::artifact(&args.model, error))?;
    let batch = Batch::read(&args.input, &mut npz, &inputs)?;
    let mut stacks = stacks(&session, &names);
    for row in 0..batch.len {
        batch.fill(&mut session, row)?;
        session.run().map_err(|error| CliError::run(&args.input, error))?;
        for (index, stack) in stacks.iter_mut().enumerate() {
            stack.push(session.output(index));
        }
    }
    write(&args.output, stacks)?;
    Ok(ExitCode::SUCCESS)
}

/// Sets the length of axes that vary to what the arrays have.
fn vary(
    session: &mut Session<&[u8]>,
    names: &Names<'_>,
    path: &Path,
    npz: &mut Npz<BufReader<File>>,
) -> Result<(), CliError> {
    let model = session.plan().model();
    let Some(&varying) = model.varying.first() else { return Ok(()) };
    let (single, rank) = (model.inputs.len() == 1, model.tensors[model.inputs[varying.input]].shape.rank());
    let array = tensors::find(path, npz, names.value(varying.input), single)?;
    match array.dims.get(varying.axis) {
        Some(&length) if array.dims.len() == rank => {
            session.set_length(length).map_err(|error| CliError::run(path, error))
        }
        // A shape that doesn't fit is told when the arrays are cut into rows.
        _ => Ok(()),
    }
}

/// An output of all rows.
struct Stack {
    name: String,
    array: Array,
    /// Whether the first dimension is the rows' own and grows with each.
    joined: bool,
}

fn stacks(session: &Session<&[u8]>, names: &Names<'_>) -> Vec<Stack> {
    let model = session.plan().model();
    let stack = |(index, &tensor): (usize, &usize)| {
        let def = &model.tensors[tensor];
        let name = match (names.value(model.inputs.len() + index), model.outputs.len()) {
            ("", 1) => "output".to_owned(),
            ("", _) => format!("output_{index}"),
            (name, _) => name.to_owned(),
        };
        let mut dims: Vec<usize> =
            session.output(index).map_or(Vec::new(), |view| view.shape.dims().iter().map(|&d| d as usize).collect());
        let joined = !dims.is_empty();
        if joined {
            dims[0] = 0;
        } else {
            dims.push(0);
        }
        let dtype = if def.quant.is_some() { NpyType::F32 } else { npy_type(def.dtype) };
        Stack { name, array: Array { dtype, dims, bytes: Vec::new() }, joined }
    };
    model.outputs.iter().enumerate().map(stack).collect()
}

impl Stack {
    fn push(&mut self, view: Option<View<'_>>) {
        let Some(view) = view else { return };
        self.array.dims[0] += if self.joined { view.shape.dim(0) } else { 1 };
        match view.quant {
            Some(quant) => {
                let real = |&q: &u8| (quant.scale * (i32::from(q) - quant.zero) as f32).to_le_bytes();
                self.array.bytes.extend(view.bytes.iter().flat_map(real));
            }
            None => self.array.bytes.extend_from_slice(view.bytes),
        }
    }
}

const fn npy_type(dtype: DType) -> NpyType {
    match dtype {
        DType::F32 => NpyType::F32,
        DType::F16 => NpyType::F16,
        DType::U8 => NpyType::U8,
        DType::I8 => NpyType::I8,
        DType::I32 => NpyType::I32,
        DType::Bool => NpyType::Bool,
    }
}

fn write(path: &Path, stacks: Vec<Stack>) -> Result<(), CliError> {
    let fault = |source| CliError::Npz { path: path.to_owned(), source };
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for stack in stacks {
        writer.add(&stack.name, &stack.array).map_err(fault)?;
    }
    output::file(path, writer.finish().map_err(fault)?.get_ref())
}
